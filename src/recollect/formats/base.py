"""What a format is: one module that recognises, reads and perhaps writes one kind of file.

Reading turns bytes into conversations, or into the records of whole logs for our own formats.
Nothing here knows a store.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Container, Iterable, Iterator
from datetime import datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, Protocol
from weakref import finalize

from msgspec import Struct

from ..errors import UnsupportedError
from ..model import Message, SessionInfo

HEAD_BYTES = 1 << 16
"""How much of a file's beginning ``detect`` sees."""

_KEPT_IN_MEMORY = 4 << 20


class Damage(Struct, frozen=True, gc=False):
    """Something that could not be read: where it begins in the file, and why."""

    offset: int
    reason: str


class Mark(Struct, frozen=True, gc=False):
    """Where reading can go on when a file has grown: the offset, and what has to be known of what
    lies before it (JSON)."""

    offset: int
    state: Any


class Restart(Exception):
    """What a file grew by cannot be read alone: it has to be read from its start."""


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation as a file holds it.

    ``messages`` can be iterated any number of times and need not be in memory; damage among them
    stands where the message is missing. Ids of messages are supplied by the format and the same
    at every reading, also when the file has grown. ``native_id`` is the source's own name for the
    conversation.

    A conversation that is one line leaves ``head`` at None. In a tree each message names its parent
    in ``parent_id`` (None: none); first come those of the main line, in order, up to the one whose
    id is ``head``; then each other line as one run from where it leaves what came before it.
    ``trees.lay_out`` gives that order.
    """

    offset: int
    messages: Iterable[Message | Damage]
    native_id: str | None = None
    snapshot: bool = False
    """Other files may hold the same conversation in another state; the longest counts."""
    loose_id: bool = False
    """Other conversations may have the same ``native_id`` by chance."""
    attributes: dict[str, Any] = {}
    """Attributes of the session: name, provider, model, system_prompt, tags, metadata."""
    origin: dict[str, Any] = {}
    """What the writer of the same format has to know; kept in the session's metadata."""
    head: str | None = None
    forks: Container[str] = frozenset()
    """In a tree: the ids of the messages that runs other than the first begin behind."""
    parent: str | None = None
    """The native id of the session that this one began in."""
    relation: Literal["fork", "subagent"] | None = None
    """What it is to ``parent``."""
    end: int | None = None
    """Where it ends, when a file holds several: the offset behind its last byte."""
    after: str | None = None
    """Only what ``resume`` gives: the id of the stored message that ``messages`` go on behind."""
    mark: Callable[[], Mark | None] | None = None
    """Asked once ``messages`` were iterated to their end: where ``resume`` can go on."""


class LogHeader(Struct, frozen=True, gc=False):
    """The beginning of a whole log: whose it is, and how many records follow."""

    offset: int
    session_id: str
    version: int


class LogRecord(Struct, frozen=True, gc=False):
    """A record of the log begun last; ``body`` is its JSON text, to the byte."""

    offset: int
    seq: int
    kind: int
    parent: int
    body: bytes


class LogBlob(Struct, frozen=True, gc=False):
    """A blob that records behind it refer to."""

    offset: int
    digest: str
    content: bytes


Piece = Conversation | LogHeader | LogRecord | LogBlob | Damage


class Beside(Protocol):
    """The files around a source, in its folder or archive, by their path from the source's folder."""

    def names(self, folder: str) -> list[str]:
        """The names of the files right below a folder (such as ``../part``), sorted; none when there
        is no such folder."""

    def read(self, name: str) -> bytes | None:
        """A file's bytes, None when there is none; they are kept as part of the conversation's source."""


class Source(Protocol):
    """An open file, at its beginning."""

    @property
    def name(self) -> str:
        """The file's name, without folders."""

    @property
    def label(self) -> str:
        """The file's path, as far as it is known: folders may hold ids."""

    @property
    def path(self) -> Path | None:
        """Where the file lies on disk; None inside archives and pipes."""

    @property
    def modified(self) -> datetime | None:
        """When the file was last written, where that is known."""

    @property
    def beside(self) -> Beside | None:
        """The files around it; None where only a stream goes by (tar, pipes)."""

    def read(self, size: int) -> bytes:
        """Up to ``size`` more bytes; none at the end."""


Write = Callable[[str], object]


class Format(Protocol):
    """What each module of a format offers. ``read`` or ``write`` may be None: not possible."""

    NAME: str
    """How users call it."""

    def detect(self, head: bytes, name: str) -> float:
        """How sure it is, from 0 to 1, that a file that begins like this is its own."""


class Reader(Format, Protocol):
    """A format that can be imported."""

    def read(self, source: Source) -> Iterator[Piece]:
        """The file's conversations, in order, and what is damaged."""


class Resumable(Reader, Protocol):
    """A format whose files only grow: what is new can be read alone."""

    def resume(self, source: Source, mark: Mark) -> Iterator[Piece]:
        """What stands behind ``mark.offset``, where ``source`` is; offsets count from the file's start.

        Raises Restart when what is new cannot be understood without the rest.
        """


class Writer(Format, Protocol):
    """A format that a session's active line can be exported to."""

    def write(self, info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
        """Write the session out, piece by piece."""


class Spool:
    """Pieces of bytes that can be read again from the start, on disk when they are many.

    The file has no name and goes with the object.
    """

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(_KEPT_IN_MEMORY)  # noqa: SIM115  # closed below
        finalize(self, self._file.close)

    def add(self, piece: bytes, offset: int) -> None:
        """Put one more piece behind the others."""
        if len(piece) > _KEPT_IN_MEMORY:
            self._file.rollover()
        self._file.write(b"%d %d\n" % (len(piece), offset))
        self._file.write(piece)

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        place = 0
        while True:
            self._file.seek(place)
            head = self._file.readline()
            if not head:
                return
            length, offset = map(int, head.split())
            place += len(head) + length
            yield offset, self._file.read(length)


def derived_uuid(*data: bytes) -> str:
    """A UUID (version 8, RFC 9562) from a hash of ``data``: equal bytes, equal id, and compact."""
    hashed = blake2b(data[0], digest_size=16)
    for more in data[1:]:
        hashed.update(more)
    h = hashed.hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-a{h[17:20]}-{h[20:]}"


_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def session_id_from(native_id: str) -> str:
    """A native id as a session id: itself where it can be one, else derived from it."""
    if 0 < len(native_id) <= 255 and not _FORBIDDEN.search(native_id):
        return native_id
    return derived_uuid(native_id.encode("utf-8", "surrogatepass"))


def unsupported(name: str, verb: str, known: Iterable[str]) -> UnsupportedError:
    """What to say when a format does not exist or cannot do what was asked."""
    return UnsupportedError(f"There is no format {name!r} to {verb}.", hint=f"There are {', '.join(known)}.")
