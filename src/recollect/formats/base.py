"""What a format is: one module that recognises, reads and perhaps writes one kind of file.

Reading turns bytes into conversations, or into the records of whole logs for our own formats.
Nothing here knows a store.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from typing import Any, Protocol
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


class Conversation(Struct, frozen=True, kw_only=True):
    """A conversation as a file holds it.

    ``messages`` can be iterated any number of times and need not be in memory; damage among them
    stands where the message is missing. Ids of messages are supplied by the format and the same
    at every reading. ``native_id`` is the source's own name for the conversation.
    """

    offset: int
    messages: Iterable[Message | Damage]
    native_id: str | None = None
    attributes: dict[str, Any] = {}
    origin: dict[str, Any] = {}
    """What the writer of the same format has to know; kept in the session's metadata."""


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


class Source(Protocol):
    """An open file, at its beginning."""

    @property
    def name(self) -> str:
        """The file's name, without folders."""

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
