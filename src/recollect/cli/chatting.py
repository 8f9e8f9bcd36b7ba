"""``recollect chat``: hold a conversation with a model; one message, or a prompt for many."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .grammar import Command
from .naming import complete_session
from .reading import stdin_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .. import Store
    from .talk import Choices, TalkingApp

EPILOG = """\b
Examples:
  recollect "What is a monad?"
  recollect chat                                  # a prompt; /help lists its commands
  recollect chat --continue "And a functor?"
  git diff | recollect chat --model openai:gpt-5-mini --system "Review this."
  recollect chat -s alice --create --model echo "My name is Alice"

\b
MODEL is PROVIDER:NAME (openai, anthropic, google, openrouter, ollama), openai:NAME@URL for any server
that speaks OpenAI's language, or one that needs no key: echo, script:FILE.
"""


@click.command(cls=Command, epilog=EPILOG, short_help="Talk with a model, and keep every word.")
@click.argument("words", nargs=-1, metavar="[MESSAGE]")
@click.option(
    "-s",
    "--session",
    "reference",
    metavar="ID",
    shell_complete=complete_session,
    help="Go on with this session.",
)
@click.option("-c", "--continue", "newest", is_flag=True, help="Go on with the newest session.")
@click.option("--create", is_flag=True, help="With -s: an ID that is not there is a new session's.")
@click.option("--model", metavar="MODEL", help="Which model answers.")
@click.option("--system", metavar="TEXT", help="What the model is told to be.")
@click.option("--tag", "--tags", "tags", multiple=True, metavar="TAG", help="Tag the session; repeatable.")
@click.option("--name", metavar="TEXT", help="Name the session.")
@click.option("--no-stream", is_flag=True, help="Show replies when they are whole.")
@click.option(
    "--max-iterations", type=click.IntRange(1), metavar="N", help="Call the model at most N times a reply."
)
@click.option("--recall", is_flag=True, help="Let the model search past conversations.")
@click.option("--no-store", is_flag=True, help="Keep nothing.")
@click.option("--no-redact", is_flag=True, help="Store keys and passwords as they are said.")
@pass_app
def chat(
    app: App,
    words: tuple[str, ...],
    reference: str | None,
    newest: bool,
    create: bool,
    model: str | None,
    system: str | None,
    tags: tuple[str, ...],
    name: str | None,
    no_stream: bool,
    max_iterations: int | None,
    recall: bool,
    no_store: bool,
    no_redact: bool,
) -> None:
    """Talk with a model. Without MESSAGE it is read from stdin; on a terminal a prompt opens.

    Each run begins a new session, whose id goes to stderr, unless -s or -c says which to go on with.
    What looks like a key or a password is replaced before it is stored.
    """
    from .talk import Choices

    choices = Choices(
        model=model,
        system=system,
        name=name,
        tags=tags,
        max_iterations=max_iterations,
        recall=recall,
        redact=not no_redact,
        stream=not no_stream,
        ephemeral=no_store,
    )
    _check(reference, newest, create, choices)
    message = _message(app, words)
    with _opened(app, choices) as (talking, store):
        from .choosing import session_meant
        from .talk import Talk

        session_id = session_meant(store, reference, newest=newest, create=create)
        talk = Talk(talking, store, choices, session_id)
        with talk:
            if message is None:
                from .repl import converse

                code = converse(talk)
            else:
                from .answering import say_once

                code = say_once(talk, message)
    raise click.exceptions.Exit(code)


def _check(reference: str | None, newest: bool, create: bool, choices: Choices) -> None:
    """Refuse what contradicts itself."""
    if newest and reference is not None:
        raise click.UsageError("Say -s or -c, not both.")
    if create and reference is None:
        raise click.UsageError("--create goes with -s ID.")
    if choices.ephemeral:
        of_store = {
            "-s": reference,
            "-c": newest,
            "--name": choices.name,
            "--tag": choices.tags,
            "--recall": choices.recall,
        }
        for flag, value in of_store.items():
            if value:
                raise click.UsageError(f"With --no-store there is nothing that {flag} could mean.")


def _message(app: App, words: tuple[str, ...]) -> str | None:
    """What is to be said; None when a person is to be asked."""
    text = " ".join(words)
    if not words and sys.stdin.isatty():
        if app.terminal:
            return None
        raise click.UsageError("Say what: recollect chat MESSAGE. The prompt needs a terminal.")
    if not words or text == "-":
        text = stdin_text()
    if not text.strip():
        raise click.UsageError("The message is empty.")
    return text


@contextmanager
def _opened(app: App, choices: Choices) -> Iterator[tuple[TalkingApp, Store]]:
    """The store to keep the chat in, and an app that uses it for everything."""
    from .talk import TalkingApp

    talking = TalkingApp(**{one.name: getattr(app, one.name) for one in fields(app)})
    if choices.ephemeral:
        talking.store = "memory:"
    with talking.opened() if choices.ephemeral else talking.writing() as store:
        talking.store, talking.held = app.store, store
        yield talking, store
