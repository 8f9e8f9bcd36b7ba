"""``recollect sessions diff, merge, fork, lineage``: lines side by side, together and apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .escape import one_line, safe
from .figures import counted
from .grammar import Command
from .listing import label
from .naming import complete_session, session_argument
from .pointing import WORDS, message_id, moment

if TYPE_CHECKING:
    from .. import Diff, MergeResult, Message
    from .screen import Line

STRATEGIES = ["continuation", "rebase", "cherry_pick", "interleave"]


@click.command(
    cls=Command,
    epilog="Example: recollect sessions diff @last main idea",
    short_help="Compare two branches or sessions.",
)
@session_argument()
@click.argument("one", metavar="A", required=False)
@click.argument("other", metavar="B", required=False)
@click.option(
    "--session", "stranger", metavar="ID", shell_complete=complete_session, help="Compare with a session."
)
@pass_app
def diff(app: App, reference: str, one: str | None, other: str | None, stranger: str | None) -> None:
    """Compare two branches: what they have in common, what each adds.

    With A alone the active branch is compared with it; --session compares with another session.
    """
    if (one is None) == (stranger is None):
        raise click.UsageError("Compare with what? Name a branch, or a session with --session.")
    with app.opened() as store:
        session = store.get(store.resolve(reference))
        if stranger is not None:
            theirs = store.get(store.resolve(stranger))
            found, names = session.diff(theirs), (session.id, theirs.id)
        else:
            assert one is not None
            names = (session.info.branch, one) if other is None else (one, other)
            found = session.diff(one, other)
    if app.mode != "text":
        app.document(found.to_dict())
        return
    from .screen import show_lines

    show_lines(app, _difference(found, *names))


def _difference(found: Diff, ours: str, theirs: str) -> Iterator[Line]:
    from .screen import Piece

    if found.ancestor is None:
        yield [Piece("Nothing in common.", "dim")]
    else:
        yield [Piece(f"In common up to {safe(found.ancestor)}.", "dim")]
    for sign, name, style, messages in (
        ("-", ours, "red", found.ours),
        ("+", theirs, "green", found.theirs),
    ):
        yield [Piece(f"{sign * 3} {one_line(name)} ({counted(len(messages), 'message')})", f"bold {style}")]
        yield from _added(sign, style, messages)


def _added(sign: str, style: str, messages: Sequence[Message]) -> Iterator[Line]:
    from .conversation import preview
    from .screen import Piece

    for message in messages:
        yield [
            Piece(f"{sign} ", style),
            Piece(safe(message.id), "cyan"),
            Piece(f" {message.role}: ", "dim"),
            Piece(preview(message), style),
        ]


@click.command(
    cls=Command,
    epilog=f"Example: recollect sessions merge @last idea --strategy rebase\n\n{WORDS}",
    short_help="Bring in what a branch or session said.",
)
@session_argument()
@click.argument("source")
@click.option("--strategy", type=click.Choice(STRATEGIES), help="Default: continuation.")
@click.option(
    "--message",
    "messages",
    multiple=True,
    metavar="MSG",
    help="Only this one (cherry_pick); repeatable.",
)
@click.option("--from-session", is_flag=True, help="SOURCE is another session, not a branch.")
@pass_app
def merge(
    app: App, reference: str, source: str, strategy: str | None, messages: tuple[str, ...], from_session: bool
) -> None:
    """Bring what a branch, or another session, said into the active line.

    continuation appends it, rebase puts this line's own messages behind it, interleave orders both
    by time, cherry_pick takes single messages.
    """
    chosen = strategy or ("cherry_pick" if messages else "continuation")
    if (chosen == "cherry_pick") != bool(messages):
        raise click.UsageError("--message goes with cherry_pick, and cherry_pick with --message.")
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        other = store.get(store.resolve(source)) if from_session else session
        picked = [message_id(other, message) for message in messages]
        result = session.merge(
            other if from_session else source,
            strategy=chosen,  # type: ignore[arg-type]  # click allows these four only
            message_ids=picked,
        )
    if app.mode != "text":
        app.document(result.to_dict())
    else:
        _tell_merged(app, result)


def _tell_merged(app: App, result: MergeResult) -> None:
    here = f"; {len(result.skipped):,} here already" if result.skipped else ""
    if result.taken:
        app.say(f"Took {counted(len(result.taken), 'message')}{here}.")
    else:
        app.say("Took nothing: all of it is here already.")
    for conflict in result.conflicts:
        app.complain(
            f"Conflict: both sides changed {conflict.message_id}"
            f" (here {conflict.ours}, there {conflict.theirs})."
        )


@click.command(
    cls=Command, epilog=f"Example: recollect sessions fork @last --at @4 --name 'Try again'\n\n{WORDS}"
)
@session_argument()
@click.option("--at", metavar="MSG|VERSION", help="Where it starts; else at the newest message.")
@click.option("--name", metavar="TEXT", help="Its name; else that of the session.")
@click.option("--id", "new_id", metavar="ID", help="Its id; else a new one.")
@pass_app
def fork(app: App, reference: str, at: str | None, name: str | None, new_id: str | None) -> None:
    """Make a new session with this one's past; prints its id."""
    with app.writing() as store:
        session = store.get(store.resolve(reference))
        info = session.fork(new_id, at=moment(session, at), name=name).info
    if app.mode != "text":
        app.document({"session": info.to_dict()})
        return
    app.data(safe(info.id))
    app.say(f"Forked {label(info)}: {counted(info.message_count, 'message')}.")


@click.command(
    cls=Command,
    epilog="Example: recollect sessions lineage @last",
    short_help="Show where a session comes from.",
)
@session_argument()
@pass_app
def lineage(app: App, reference: str) -> None:
    """Show the sessions that this one was forked from, and its forks."""
    with app.opened() as store:
        found = store.get(store.resolve(reference)).lineage()
    if app.mode != "text":
        app.document(found.to_dict())
        return
    for ancestor in found.ancestors:
        app.data(f"from\t{one_line(ancestor.session_id)}\tversion {ancestor.version}")
    for child in found.children:
        app.data(f"fork\t{one_line(child.id)}\t{label(child)}")
    if not found.ancestors and not found.children:
        app.say("It was not forked from any session, nor any from it.")
