"""Commands of the prompt that are about the session of the chat."""

from __future__ import annotations

from contextlib import suppress
from pathlib import PurePath
from typing import TYPE_CHECKING

import click

from .escape import one_line, safe
from .figures import counted, dollars, local
from .listing import label
from .slash_passing import on_session, pass_on, whole, words

if TYPE_CHECKING:
    from .. import Message, Session
    from .talk import Talk

SHOWN = 10
"""Messages that /history shows unless told how many."""
ENDINGS = {".md": "markdown", ".txt": "text", ".htm": "html"}
"""File endings that are not the name of a format."""


def history(talk: Talk, rest: str) -> None:
    """Show the last messages."""
    from .conversation import spoken
    from .screen import show_lines

    messages = talk.session().messages(last=_number(rest, SHOWN))
    if messages:
        show_lines(talk.app, spoken(messages, local, markdown=True))
    else:
        talk.app.say("Nothing was said yet.")


def tag(talk: Talk, rest: str) -> None:
    """Add tags, or show those there are."""
    if rest:
        on_session("sessions", "tag")(talk, rest)
    else:
        tags = " ".join(f"#{tag}" for tag in talk.session().info.tags)
        talk.app.say(tags or "The session has no tags.")


def name(talk: Talk, rest: str) -> None:
    """Give the session a name, or show it."""
    session = talk.session()
    if rest:
        pass_on(talk, ("sessions", "rename"), ["--", session.id, whole(rest)])
    else:
        talk.app.say(session.info.name or "The session has no name.")


def search(talk: Talk, rest: str) -> None:
    """Find messages. Quotes make a phrase here; they are the shell's only where options are given."""
    talk.chat.save()
    given = words(rest) if any(word.startswith("--") for word in rest.split()) else ["--", rest]
    pass_on(talk, ("search",), given)


def undo(talk: Talk, rest: str) -> None:
    """Take back the last turns."""
    session = talk.session()
    turns = min(_number(rest, 1), session.info.turn_count)
    if not turns:
        talk.app.say("There is nothing to take back.")
        return
    info = session.rewind(turns=turns)
    talk.app.say(f"Took back {counted(turns, 'turn')}; {counted(info.message_count, 'message')} left.")


def edit(talk: Talk, rest: str) -> Message | None:
    """Say a message anew: the line goes on from before it, and the old one stays on a branch."""
    from .. import Message

    session = talk.session()
    target, text = _target(session, rest)
    before = safe(target.text)
    with suppress(EOFError, KeyboardInterrupt):  # who leaves the line leaves it as it was
        text = text or talk.ask(before)
    if not text.strip() or text in (before, target.text):
        talk.app.say("Nothing was changed.")
        return None
    branch = _step_back(session, target)
    talk.app.say(f"What was said before is on branch {branch!r}: /checkout {branch}")
    first = (target.metadata or {}).get("edit_of", target.id)
    return Message.user(text, metadata={"edit_of": first})


def _target(session: Session, rest: str) -> tuple[Message, str]:
    """The message to say anew, and the text given for it."""
    from .pointing import message_id

    line = session.messages()
    said = [message for message in line if message.role == "user"]
    word, _, text = rest.partition(" ")
    if word.startswith("@"):
        id_ = message_id(session, word)
        said = [message for message in said if message.id == id_]
        if not said:
            raise click.UsageError(f"Message {word} is not one that you said.")
        return said[0], text.strip()
    if not said:
        raise click.UsageError("You said nothing yet.")
    return said[-1], rest


def _step_back(session: Session, target: Message) -> str:
    """Let the line end before ``target``; returns the branch that keeps what it was."""
    info = session.info
    taken = {branch.name for branch in session.branches()}
    number = 2
    while f"{info.branch}-{number}" in taken:
        number += 1
    branch = session.branch(f"{info.branch}-{number}").name
    line = session.messages()
    place = next(index for index, message in enumerate(line) if message.id == target.id)
    if place:
        session.rewind(to=line[place - 1].id)
    else:
        session.clear()
    return branch


def fork(talk: Talk, rest: str) -> None:
    """Go on in a new session with this one's past, or the past up to a message."""
    from .pointing import moment

    session = talk.session()
    word, _, title = rest.partition(" ")
    at, title = (moment(session, word), title.strip()) if word.startswith("@") else (None, rest)
    forked = session.fork(at=at, name=whole(title) or None)
    talk.go_to(forked.id)
    talk.app.say(f"This is {forked.id} now, with {counted(forked.info.message_count, 'message')}.")
    talk.app.say(f"To go back: /load {session.id}")


def export(talk: Talk, rest: str) -> None:
    """Print the session, or write it to a file whose ending says the format."""
    given = words(rest)
    options = [word for word in given if word.startswith("-")]
    if given and not options:
        *formats, last = given
        if formats or "." in last or "/" in last:
            ending = PurePath(last).suffix.lower()
            given = ["-o", last, "--format", *(formats or [ENDINGS.get(ending, ending[1:])])]
        else:
            given = ["--format", last]
    elif not given:
        given = ["--format", "markdown"]
    pass_on(talk, ("export",), [talk.session().id, *given])


def cost(talk: Talk, rest: str) -> None:  # noqa: ARG001  # every command has this signature
    """Say what the session cost so far."""
    info = talk.session().info
    used = info.usage
    cached = f" ({used.cached_tokens:,} of them cached)" if used.cached_tokens else ""
    money = "unknown" if used.cost_usd is None else dollars(used.cost_usd)
    talk.app.data(
        f"{one_line(label(info))}: {used.input_tokens:,} tokens in{cached}, {used.output_tokens:,} out;"
        f" cost {money}"
    )


def _number(rest: str, default: int) -> int:
    if not rest:
        return default
    if not rest.isdecimal() or not 1 <= int(rest) <= 1_000_000:
        raise click.UsageError(f"{rest!r} is not a number of 1 or more.")
    return int(rest)
