"""What of a session an export holds: a branch, its last messages, without tools, without secrets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from ..codec import dumps, loads
from ..core.base import Core, Handle
from ..core.branching import head_of
from ..core.lines import end_at
from ..core.reading import line, line_records
from ..errors import InvalidError
from ..formats.base import Spool
from ..formats.redacting import redact_info, redact_message
from ..model import Message, OtherPart, Part, SessionInfo, ToolCallPart, ToolCallResponsePart

PAGE = 128
"""Messages read at once; longer lines wait on disk for the writer."""

_ABOUT_ALL = ("injected", "erased")
"""Metadata of messages that says nothing about tools."""


class Selection(NamedTuple):
    """See ``Store.export``."""

    last: int | None = None
    branch: str | None = None
    tools: bool = True
    redact: bool = False

    def check(self) -> None:
        """Raises InvalidError for what makes no sense."""
        if self.last is not None and (not isinstance(self.last, int) or self.last < 1):
            raise InvalidError(f"last= takes a number of messages from 1, not {self.last!r}.")

    def given(self) -> list[str]:
        """The names of what is selected by."""
        default = Selection()
        return [name for name in self._fields if getattr(self, name) != getattr(default, name)]


async def select(core: Core, handle: Handle, selection: Selection) -> tuple[SessionInfo, Iterable[Message]]:
    """A session and its messages as they are to be exported; the messages can be iterated again."""
    info, tip = handle.state.info, handle.state.tip
    if selection.branch is not None and selection.branch != info.branch:
        tip = head_of(handle.state, selection.branch)
        info = await _on_branch(core, handle, info, selection.branch, tip)
    if selection.redact:
        info = redact_info(info)
    pages = await _pages(core, handle, tip, selection.last)
    if len(pages) == 1:
        return info, list(_selected(await line(core, handle.key, *pages[0]), selection))
    spooled = _Spooled()
    for page in pages:
        for message in _selected(await line(core, handle.key, *page), selection):
            spooled.add(message)
    return info, spooled


async def _on_branch(core: Core, handle: Handle, info: SessionInfo, name: str, tip: int) -> SessionInfo:
    """The session as it would be with another branch active."""
    end = await end_at(core, handle.key, tip)
    return replace(
        info,
        branch=name,
        head=end.head,
        message_count=end.line.depth,
        turn_count=end.line.turn,
        preview=end.line.preview,
    )


async def _pages(core: Core, handle: Handle, tip: int, last: int | None) -> list[tuple[int, int]]:
    """The line that ends in ``tip``, cut into pages, the first one first: where each ends, and how
    many messages it has at most."""
    pages: list[tuple[int, int]] = []
    while True:
        count = PAGE if last is None else min(PAGE, last)
        pages.append((tip, count))
        last = None if last is None else last - count
        if not tip or last == 0 or handle.state.info.version <= PAGE:
            break
        _, tip = await line_records(core, handle.key, tip, count)
        if not tip:
            break
    pages.reverse()
    return pages


class _Spooled:
    """Messages that need not be in memory."""

    def __init__(self) -> None:
        self._spool = Spool()

    def add(self, message: Message) -> None:
        """One more, behind the others."""
        self._spool.add(dumps(message), 0)

    def __iter__(self) -> Iterator[Message]:
        for _, raw in self._spool:
            yield loads(raw, Message)


def _selected(messages: Iterable[Message], selection: Selection) -> Iterator[Message]:
    for message in messages:
        kept = message if selection.tools else without_tools(message)
        if kept is not None:
            yield redact_message(kept) if selection.redact else kept


def without_tools(message: Message) -> Message | None:
    """A message without tool calls and their answers; None when it was nothing else."""
    parts = tuple(part for part in message.parts if not _is_tool(part))
    if message.role == "tool" or (message.parts and not parts):
        return None
    if len(parts) == len(message.parts):
        return message
    # What formats put aside in the metadata may hold the calls once more.
    kept = {key: value for key, value in (message.metadata or {}).items() if key in _ABOUT_ALL}
    return replace(message, parts=parts, metadata=kept or None)


def _is_tool(part: Part) -> bool:
    if isinstance(part, OtherPart):
        return "tool" in part.kind or "function_call" in part.kind
    return isinstance(part, ToolCallPart | ToolCallResponsePart)
