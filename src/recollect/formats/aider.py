"""aider's chat history (``.aider.chat.history.md``): many sessions in one Markdown file that only grows.

Each session begins with a header that has a time, in no zone (taken as UTC), and nothing else that
names it. Lines marked ``####`` are a person's words, lines marked ``>`` aider's own output, all other
text is the model's answer. Messages have no times of their own: they get their session's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..model import Message, Role, TextPart, Usage
from .aider_figures import Figures
from .aider_lines import Classifier, Kind, is_cut_header, started_at, words
from .base import Conversation, Damage, Piece, Source, derived_uuid
from .messagespool import MessageSpool
from .textlines import Line, Paragraphs, read_lines

NAME = "aider"

_HEADER = re.compile(rb"^# aider chat started at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d[ \r]*$", re.M)
_REMEMBERED = 10_000
_ROLES: dict[Kind, Role] = {"user": "user", "output": "tool", "answer": "assistant"}


def detect(head: bytes, name: str) -> float:
    """By a header line, or by its usual name where the beginning was cut off."""
    if _HEADER.search(head) is not None:
        return 0.95 if _HEADER.match(head.lstrip(b"\xef\xbb\xbf\r\n ")) else 0.6
    return 0.5 if name.startswith(".aider.chat.history") and b"\0" not in head else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's sessions, in order; what stands before the first header is one of its own."""
    names = _Names()
    session = _Session(0, None)
    classifier = Classifier()
    cut: Damage | None = None
    for line in read_lines(source.read):
        if not line.has_end and line.text and is_cut_header(line.text):
            cut = Damage(line.offset, "the file ends in the middle of a header")
            break
        kind = classifier.kind(line.text)
        if kind == "header":
            yield from session.end(names, line.offset)
            session = _Session(line.offset, line.text.strip())
        else:
            session.add(line, kind)
    yield from session.end(names, None)
    if cut is not None:
        yield cut


class _Names:
    """Names for sessions: derived from what a session begins with, and numbered where that is equal."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def of(self, beginning: str) -> str:
        """The name of the next session that begins like this."""
        if len(self._counts) > _REMEMBERED:
            self._counts.clear()  # equal headers stand close together: the clock moves on
        count = self._counts[beginning] = self._counts.get(beginning, 0) + 1
        return derived_uuid(f"aider\0{beginning}\0{count}".encode())


class _Session:
    """One session while its lines are read."""

    def __init__(self, offset: int, header: str | None) -> None:
        self._offset = offset
        self._header = header
        self._started = started_at(header) if header else None
        self._spool = MessageSpool()
        self._figures = Figures()
        self._second = ""
        """The first line behind the header: two sessions may begin in one second."""
        self._count = 0
        self._kind: Kind = "blank"
        self._lines = Paragraphs()
        self._begins = offset
        self._usage: list[Usage] = []
        self._answer: tuple[Message, int] | None = None
        """The last answer: what it cost is told behind it."""
        self._after_blank = False
        self._damaged: int | None = None

    def add(self, line: Line, kind: Kind) -> None:
        """The session's next line."""
        if line.broken and self._damaged is None:
            self._damaged = line.offset
        if kind == "blank":
            self._after_blank = True
            if self._kind == "answer":
                self._lines.add("")
            return
        new = kind != self._kind or (kind == "user" and self._after_blank) or self._lines.is_full
        if new:
            self._flush()
            self._kind, self._begins = kind, line.offset
        text = words(line.text, kind)
        if not self._second:
            self._second = text[:200]
            self._figures.command(text)
        if kind == "output":
            usage = self._figures.line(text)
            if usage is not None:
                self._usage.append(usage)
        self._lines.add(text, line.goes_on)
        self._after_blank = False

    def _flush(self) -> None:
        """The message that the lines so far make."""
        text, first = self._lines.text(), self._lines.first
        kind, self._lines = self._kind, Paragraphs()
        if kind not in _ROLES:
            return
        self._count += 1
        role = _ROLES[kind]
        # Only the first line counts: the message at the end of the file may still grow.
        message = Message(
            derived_uuid(f"{self._beginning()}\0{self._count}\0{role}\0{first}".encode()),
            None,
            role,
            (TextPart(text),) if text else (),
            created_at=self._started,
            model=self._figures.model if kind == "answer" else None,
            metadata={"injected": "cli_output"} if kind == "output" else None,
        )
        if kind == "output":
            message = self._spent(message)
            self._release()
            self._spool.add(message, self._begins)
        elif kind == "answer":
            self._release()
            self._answer = message, self._begins
        else:
            self._release()
            self._spool.add(message, self._begins)

    def _beginning(self) -> str:
        return f"{self._header or ''}\0{self._second}"

    def _spent(self, output: Message) -> Message:
        """Put the usage that this output tells on the answer before it, or, where there is none
        (a request failed), on the output itself."""
        if not self._usage:
            return output
        total = self._usage[0]
        for usage in self._usage[1:]:
            total += usage
        self._usage = []
        if self._answer is None:
            return _with_usage(output, total)
        answer, offset = self._answer
        self._answer = _with_usage(answer, total), offset
        return output

    def _release(self) -> None:
        if self._answer is not None:
            self._spool.add(*self._answer)
        self._answer = None

    def end(self, names: _Names, end: int | None) -> Iterator[Piece]:
        """The session, once all its lines are known; none where no line had words."""
        self._flush()
        self._release()
        if self._header is None and not self._count:
            return
        if self._damaged is not None:
            yield Damage(self._damaged, "bytes that are no UTF-8 were replaced")
        yield Conversation(
            offset=self._offset,
            messages=self._spool,
            native_id=names.of(self._beginning()),
            loose_id=True,
            attributes=_attributes(self._figures, self._started),
            end=end,
        )


def _with_usage(message: Message, usage: Usage) -> Message:
    return Message(
        message.id,
        None,
        message.role,
        message.parts,
        created_at=message.created_at,
        model=message.model,
        usage=usage,
        metadata=message.metadata,
    )


def _attributes(figures: Figures, started: datetime | None) -> dict[str, Any]:
    metadata = dict(figures.metadata)
    if started is not None:
        metadata["started_at"] = started.isoformat()
        metadata["time_zone"] = "unknown, taken as UTC"
    attributes: dict[str, Any] = {"model": figures.first_model} if figures.first_model else {}
    return {**attributes, "metadata": metadata} if metadata else attributes
