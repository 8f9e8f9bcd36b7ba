"""A disk under SQLite whose every step a test can watch, refuse or forget."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable

import apsw

_serial = itertools.count()

Step = Callable[[str, str, bytes, int], None]
"""Called before each step with its name, the file, and for writes what and where; may raise."""


class Disk(apsw.VFS):
    """A VFS over the usual one. Keep it as long as a connection uses it."""

    def __init__(self, step: Step) -> None:
        self.name = f"disk-{next(_serial)}"
        self.step = step
        super().__init__(self.name, "")

    def xOpen(self, name, flags):  # noqa: N802  # apsw's name
        return File(self, name, flags)

    def xDelete(self, name, sync):  # noqa: N802  # apsw's name
        self.step("delete", os.path.basename(name), b"", 0)
        super().xDelete(name, sync)


class File(apsw.VFSFile):
    """A file on it."""

    def __init__(self, disk, name, flags):
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self.file = os.path.basename(path)
        disk.step("open", self.file, b"", 0)
        super().__init__("", name, flags)

    def xRead(self, amount, offset):  # noqa: N802  # apsw's name
        self.disk.step("read", self.file, b"", offset)
        return super().xRead(amount, offset)

    def xWrite(self, data, offset):  # noqa: N802  # apsw's name
        self.disk.step("write", self.file, bytes(data), offset)
        super().xWrite(data, offset)

    def xSync(self, flags):  # noqa: N802  # apsw's name
        self.disk.step("sync", self.file, b"", 0)
        super().xSync(flags)

    def xTruncate(self, size):  # noqa: N802  # apsw's name
        self.disk.step("truncate", self.file, b"", size)
        super().xTruncate(size)

    def xLock(self, level):  # noqa: N802  # apsw's name
        self.disk.step("lock", self.file, b"", level)
        super().xLock(level)

    def xFileSize(self):  # noqa: N802  # apsw's name
        self.disk.step("size", self.file, b"", 0)
        return super().xFileSize()


class Failing:
    """Fails steps of some kinds from the n-th on, ``times`` in a row: those of the test's own thread, or
    with ``own=False`` those of all others."""

    def __init__(self, kinds: tuple[str, ...], *, own: bool = True) -> None:
        self.kinds = kinds
        self._thread, self._own = threading.get_ident(), own
        self._at = self._times = self._count = 0
        self._error: type[Exception] = apsw.IOError
        self.failed = 0

    def arm(self, at: int, error: type[Exception], times: int = 1) -> None:
        """Count from here on."""
        self._at, self._error, self._times, self._count, self.failed = at, error, times, 0, 0

    def disarm(self) -> None:
        """Let everything pass."""
        self._at = 0

    def __call__(self, step: str, file: str, data: bytes, offset: int) -> None:
        if not self._at or step not in self.kinds:
            return
        if (threading.get_ident() == self._thread) is not self._own:
            return
        self._count += 1
        if self._at <= self._count < self._at + self._times:
            self.failed += 1
            raise self._error(f"injected into the {step} number {self._count}")


class Quota:
    """Lets all files together grow to so many bytes."""

    def __init__(self) -> None:
        self.limit = 2**62
        self._sizes: dict[str, int] = {}

    @property
    def used(self) -> int:
        """How large they are together."""
        return sum(self._sizes.values())

    def __call__(self, step: str, file: str, data: bytes, offset: int) -> None:
        if step == "write":
            end = offset + len(data)
            others = self.used - self._sizes.get(file, 0)
            if end > self._sizes.get(file, 0) and others + end > self.limit:
                raise apsw.FullError("injected: the quota is used up")
            self._sizes[file] = max(end, self._sizes.get(file, 0))
        elif step == "truncate":
            self._sizes[file] = min(offset, self._sizes.get(file, 0))
        elif step == "delete":
            self._sizes.pop(file, None)


class PowerCut:
    """Remembers what a sudden loss of power would leave: what was synced, and of the rest what chance
    picks."""

    def __init__(self) -> None:
        self._durable: dict[str, bytearray] = {}
        self._waiting: dict[str, list[tuple[str, bytes, int]]] = {}
        self._lock = threading.Lock()

    def __call__(self, step: str, file: str, data: bytes, offset: int) -> None:
        with self._lock:
            if step in ("write", "truncate"):
                self._waiting.setdefault(file, []).append((step, data, offset))
            elif step == "sync":
                content = self._durable.setdefault(file, bytearray())
                for change in self._waiting.pop(file, []):
                    _apply(content, *change)
            elif step == "delete":
                self._durable.pop(file, None)
                self._waiting.pop(file, None)

    def leave(self, folder, keep: Callable[[], bool]) -> None:
        """Write into a folder what the disk would hold now; ``keep`` says whether an unsynced write
        happened to reach it."""
        with self._lock:
            for file in {**self._durable, **self._waiting}:
                content = bytearray(self._durable.get(file, b""))
                for change in self._waiting.get(file, []):
                    if keep():
                        _apply(content, *change)
                (folder / file).write_bytes(content)
                (folder / file).chmod(0o600)


def _apply(content: bytearray, step: str, data: bytes, offset: int) -> None:
    if step == "truncate":
        del content[offset:]
        return
    content.extend(bytes(max(0, offset + len(data) - len(content))))
    content[offset : offset + len(data)] = data
