"""One lock between the threads of a process and between processes: a thread lock, then a file lock.

The file lock belongs to an open file, so it ends with its process however that ends. A child that
was forked closes its copy at once: it neither holds the parent's lock nor keeps it alive.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref

from ..errors import AccessError, BusyError, UnavailableError

__all__ = ["FileLock"]

_live: weakref.WeakSet[FileLock] = weakref.WeakSet()

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> bool:
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _give(fd: int) -> None:
        os.lseek(fd, 0, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise UnavailableError(f"The file system cannot lock files: {error.strerror}.") from error
        return True

    def _give(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


class FileLock:
    """An exclusive lock on the file ``path``, which is created (0600) when first taken.

    Not reentrant. With ``path`` None it is a lock between threads only.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.waiting = 0
        """How many threads of this process wait for it now."""
        self._fd = -1
        self._threads = threading.Lock()
        _live.add(self)

    def acquire(self, timeout: float) -> None:
        """Wait for the lock; BusyError after ``timeout`` seconds."""
        deadline = 0.0
        if not self._threads.acquire(blocking=False):
            deadline = time.monotonic() + timeout
            self.waiting += 1
            try:
                if not self._threads.acquire(timeout=timeout):
                    raise self._busy(timeout)
            finally:
                self.waiting -= 1
        try:
            if self.path is not None and (self._fd < 0 or not _take(self._fd)):
                self._wait_for_file(deadline or time.monotonic() + timeout, timeout)
        except BaseException:
            self._threads.release()
            raise

    def try_acquire(self) -> bool:
        """Take the lock if it is free at this moment."""
        if not self._threads.acquire(blocking=False):
            return False
        try:
            taken = self.path is None or _take(self._open())
        except BaseException:
            self._threads.release()
            raise
        if not taken:
            self._threads.release()
        return taken

    def release(self) -> None:
        """Give the lock back."""
        if self._fd >= 0:
            _give(self._fd)
        self._threads.release()

    def close(self) -> None:
        """Close the file; the next ``acquire`` opens it again. Call only when nobody holds the lock."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _wait_for_file(self, deadline: float, timeout: float) -> None:
        fd = self._open()
        began = time.monotonic()
        while not _take(fd):
            now = time.monotonic()
            if now >= deadline:
                raise self._busy(timeout)
            # Who has waited longer asks more often, so that nobody starves beside a busy writer; the
            # jitter (the clock's last digits) keeps waiting processes from asking in step.
            pause = 0.001 if now - began < 0.004 else 0.0001
            time.sleep(pause * (0.5 + (time.perf_counter_ns() % 1024) / 1024))

    def _open(self) -> int:
        if self._fd < 0 and self.path is not None:
            try:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            except OSError as error:
                raise AccessError(
                    f"The lock file {self.path} cannot be opened: {error.strerror}.",
                    hint="Writing needs permission to create files in that folder.",
                ) from error
        return self._fd

    def _busy(self, timeout: float) -> BusyError:
        return BusyError(
            f"Others held the lock {self.path or 'of this store'} for more than {timeout:g} s.",
            hint="Try again, or open the store with a longer timeout.",
        )

    def _after_fork(self) -> None:
        self.close()
        self._threads = threading.Lock()
        self.waiting = 0


def _forget_in_child() -> None:
    for lock in list(_live):
        lock._after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
