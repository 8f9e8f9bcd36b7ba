"""One lock between the threads of a process and between processes: a thread lock, then a file lock.

The file lock belongs to an open file, so it ends with its process however that ends. A child that
was forked closes its copy at once: it neither holds the parent's lock nor keeps it alive.

Waiting for another process happens inside the kernel, in a thread of its own, because only the
kernel serves in order and only another thread can give up at a deadline: processes that ask again
and again instead wait twice to four times as long in the worst case.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref

from ..errors import AccessError, BusyError, StoreError, UnavailableError

__all__ = ["FileLock"]

_live: weakref.WeakSet[FileLock] = weakref.WeakSet()
_left: set[int] = set()  # files of waits that were given up, until their threads close them

if sys.platform == "win32":
    import msvcrt

    def _take(fd: int) -> bool:
        os.lseek(fd, 0, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _take_in_turn(fd: int) -> None:
        while not _take(fd):
            time.sleep(0.001)

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
            raise _unlockable(error) from error
        return True

    def _take_in_turn(fd: int) -> None:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
        except OSError as error:
            raise _unlockable(error) from error

    def _give(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_UN)


def _unlockable(error: OSError) -> UnavailableError:
    return UnavailableError(f"The file system cannot lock files: {error.strerror}.")


class FileLock:
    """An exclusive lock on the file ``path``, which is created (0600) when first taken.

    Not reentrant. With ``path`` None it is a lock between threads only.
    """

    def __init__(self, path: str | None) -> None:
        self.path = path
        self.waiting = 0
        """How many threads of this process wait for it now."""
        self._fd = -1
        self._waiter: _Waiter | None = None
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
                self._wait(deadline or time.monotonic() + timeout, timeout)
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
        """Close the file, which gives up the file lock; the next ``acquire`` opens it again.

        Call it while holding the lock, and ``release`` afterwards.
        """
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.end()
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _wait(self, deadline: float, timeout: float) -> None:
        fd = self._open()
        if _take(fd):
            return
        waiter = self._waiter
        if waiter is None:
            waiter = self._waiter = _Waiter(fd)
        taken = False
        try:
            taken = waiter.wait(max(0.0, deadline - time.monotonic()))
        finally:
            if not taken:
                self._fd, self._waiter = -1, None  # the file is the waiter's now
        if not taken:
            raise self._busy(timeout)

    def _open(self) -> int:
        if self._fd < 0 and self.path is not None:
            try:
                self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
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

    def pause(self, timeout: float) -> bool:
        """Keep this process's threads from holding the lock, whoever has the file's; False if one still
        does after ``timeout`` seconds."""
        return self._threads.acquire(timeout=timeout)

    def go_on(self) -> None:
        """The end of a pause."""
        self._threads.release()

    def _after_fork(self) -> None:
        self._waiter = None  # its thread stayed with the parent
        self.close()
        self._threads = threading.Lock()
        self.waiting = 0


class _Waiter:
    """A thread that takes the lock of one open file in the kernel's order, whenever it is asked to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._asked, self._answered = threading.Semaphore(0), threading.Semaphore(0)
        self._state = threading.Lock()
        self._pending = self._given_up = False
        self._error: StoreError | None = None
        threading.Thread(target=self._run, name="recollect-lock", daemon=True).start()

    def wait(self, timeout: float) -> bool:
        """Take the lock. False after ``timeout`` seconds: then, as after any exception, the file belongs
        to this thread, which closes it as soon as the lock has come."""
        self._pending = True
        self._asked.release()
        try:
            self._answered.acquire(timeout=timeout)
        except BaseException:
            self._give_up(even_if_taken=True)
            raise
        if self._give_up(even_if_taken=False):
            return False
        if self._error is not None:
            self._give_up(even_if_taken=True)
            raise self._error
        return True

    def end(self) -> None:
        """Let the thread go, which is not waiting now."""
        self._asked.release()

    def _give_up(self, *, even_if_taken: bool) -> bool:
        with self._state:
            if not self._pending and not even_if_taken:
                return False
            self._given_up = True
            if self._pending:
                _left.add(self._fd)
            else:
                os.close(self._fd)
                self._asked.release()
            return True

    def _run(self) -> None:
        while True:
            self._asked.acquire()
            if not self._pending:
                return
            try:
                _take_in_turn(self._fd)
            except StoreError as error:
                self._error = error
            with self._state:
                self._pending = False
                if self._given_up:
                    if self._error is None:
                        _give(self._fd)  # not by closing alone: a forked child may have a copy
                    _left.discard(self._fd)
                    os.close(self._fd)
                    return
            self._answered.release()


def _forget_in_child() -> None:
    for lock in list(_live):
        lock._after_fork()
    while _left:
        os.close(_left.pop())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
