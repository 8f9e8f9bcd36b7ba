"""``recollect sessions edit, rewind, pop, erase``: changing what was said."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .confirming import confirm
from .editing import tell
from .escape import one_line, safe
from .figures import counted
from .grammar import Command
from .listing import label
from .naming import session_argument
from .pointing import WORDS, found, message_argument, message_id
from .reading import stdin_text

if TYPE_CHECKING:
    from .. import Message

EDIT_EPILOG = f"""\b
Examples:
  recollect sessions edit @last @3 'What is a lifetime?'
  recollect sessions edit @last 0197a3c1          # opens $EDITOR
  recollect sessions edit @last @3 - < text

{WORDS}
"""


@click.command(cls=Command, epilog=EDIT_EPILOG, short_help="Put a new version beside a message.")
@session_argument()
@message_argument()
@click.argument("text", required=False)
@pass_app
def edit(app: App, reference: str, message: str, text: str | None) -> None:
    """Put a new version of a message beside the old one and go on from there.

    TEXT is the new text, - reads it from stdin; without it $EDITOR opens. The old text and what
    followed it stay on a branch of their own. Prints the id of the new message.
    """
    if text is None and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("Give the new TEXT, or - to read it from stdin.")
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        old = found(session, session.tree(), message)
        new = _edited(old) if text is None else stdin_text() if text == "-" else text
        if new is None:
            app.say("Nothing was changed.")
            raise click.exceptions.Exit(0)
        stored = session.edit(old.id, new)
    if app.mode != "text":
        app.document({"message": stored.to_dict()})
        return
    app.data(safe(stored.id))
    app.say(f"The old text is still there: recollect sessions branches {session.id}")


def _edited(old: Message) -> str | None:
    """What a person makes of the message's text in an editor; None if they leave it as it is."""
    from .. import TextPart

    before = "\n\n".join(part.content for part in old.parts if isinstance(part, TextPart))
    after = click.edit(f"{before}\n", extension=".md")
    if after is None or after.removesuffix("\n") in (before, ""):
        return None
    return after.removesuffix("\n")


@click.command(
    cls=Command,
    epilog=f"Example: recollect sessions rewind @last --turns 1\n\n{WORDS}",
    short_help="Go back to an earlier message.",
)
@session_argument()
@click.option("--to", metavar="MSG", help="The message that is to be the last.")
@click.option("--turns", type=click.IntRange(1), metavar="N", help="So many turns back.")
@pass_app
def rewind(app: App, reference: str, to: str | None, turns: int | None) -> None:
    """Go back to an earlier message; undo brings back what came after it."""
    if (to is None) == (turns is None):
        raise click.UsageError("Say how far: --to MSG or --turns N.")
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        info = session.rewind(to=None if to is None else message_id(session, to), turns=turns)
    tell(app, info, f"{label(info)} has {counted(info.message_count, 'message')} now.")


@click.command(
    cls=Command, epilog="Example: recollect sessions pop @last", short_help="Take the last message off."
)
@session_argument()
@pass_app
def pop(app: App, reference: str) -> None:
    """Take the last message off and print it; undo puts it back."""
    from .conversation import spoken
    from .figures import exact, local
    from .screen import show_lines

    with app.writing() as store:
        message = store.get(store.resolve(reference)).pop()
    if app.mode != "text":
        app.document({"message": message.to_dict()})
    else:
        lines = spoken([message], local if app.terminal else exact)
        next(lines)  # the empty line between messages
        show_lines(app, lines)


@click.command(
    cls=Command,
    epilog=f"Example: recollect sessions erase @last 0197a3c1\n\n{WORDS}",
    short_help="Remove a message's content for good.",
)
@session_argument()
@message_argument()
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_app
def erase(app: App, reference: str, message: str, yes: bool) -> None:
    """Remove a message's content from every file, for good; its place stays. No undo.

    Forks made before keep copies of their own: they are listed.
    """
    from .conversation import preview

    with app.writing() as store:
        session = store.get(store.resolve(reference))
        target = found(session, session.tree(), message)
        about = f"{target.role}: {preview(target)[:60]}"
        confirm(f"Erase for good: {safe(one_line(about))} ?", yes, doing="Erasing")
        result = session.erase(target.id)
    if app.mode != "text":
        app.document(result.to_dict())
        return
    app.say(f"Erased {safe(target.id)}" + (f" and {counted(result.blobs, 'file')}." if result.blobs else "."))
    if result.forks:
        app.complain("These forks hold copies of their own:")
    for fork in result.forks:
        app.data(safe(fork))
