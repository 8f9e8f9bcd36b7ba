"""``recollect sync --watch``: waits for changes in folders and brings each in.

Only the folders that files are looked for in are watched, each by itself; for a folder that is not
there yet, the nearest one above it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Event, current_thread, main_thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from ..errors import MissingExtraError, NotFoundError, StoreError
from .app import App
from .figures import counted
from .importing import progress_bar
from .syncing import ANYWHERE, short, tell, tell_damage

if TYPE_CHECKING:
    from .. import Store, SyncedFile, SyncResult

QUIET = 200
"""Milliseconds without a change that end a burst of changes …"""
BURST = 1600
"""… which is brought in after that many at the latest."""
TICK = 1000
"""Milliseconds between two looks at whether it is time for a round without a change."""
ROUND = 60.0
"""Seconds between such rounds: network folders tell nobody of their changes."""
POLL = 2000
"""Milliseconds between two looks at a folder where the system cannot tell of changes."""
SHARE = 4
"""A round may take a fifth of the time."""


def stay(app: App, paths: Sequence[str], tools: Sequence[str] | None, *, keep_source: bool) -> None:
    """Bring in what there is, then each change, until the process is told to end."""
    _need_watchfiles()
    own = _own_path(app.settings().store)
    with app.writing() as store, _told_to_end() as end:
        rounds = _Rounds(app, store, paths, tools, keep_source)
        rounds.first()
        app.say(f"Watching {counted(len(rounds.folders()), 'folder')}; Ctrl-C ends it.")
        for changed in _changes(app, rounds, own, end):
            if changed or rounds.is_due:
                rounds.next()
                end.wait(min(SHARE * rounds.took, 30))


class _Rounds:
    """One sync after the other, over one open store."""

    def __init__(
        self, app: App, store: Store, paths: Sequence[str], tools: Sequence[str] | None, keep_source: bool
    ) -> None:
        self.took = 0.0
        self._app = app
        self._store = store
        self._paths = [os.path.abspath(path) for path in paths]
        self._tools = tools
        self._keep_source = keep_source
        self._last = 0.0
        self._missing: list[str] = []
        self._inside: frozenset[str] = frozenset()

    @property
    def is_due(self) -> bool:
        """Whether it is time for a round though nothing was told to have changed."""
        return time.monotonic() - self._last > ROUND

    def first(self) -> None:
        """All there is at the start. Raises NotFoundError for a path that is not there."""
        with progress_bar(self._app) as progress:
            result = self._sync(**progress)
        if self._app.mode == "text":
            tell(self._app, result)
        else:
            self._tell(result)

    def next(self) -> None:
        """One more round. Trouble that passes is told; the next round makes up for it."""
        try:
            self._tell(self._sync())
        except StoreError as error:
            if not (error.retryable or isinstance(error, NotFoundError)):
                raise
            self._app.complain(f"recollect: {error}")

    def folders(self) -> frozenset[str]:
        """What to watch: the folders looked into, and the nearest to those that are not there."""
        lost = [*self._missing, *(path for path in self._paths if not os.path.isdir(path))]
        return self._inside | {_nearest(path) for path in lost}

    def concerns(self, path: str) -> bool:
        """Whether a change matters: in a folder that was looked into, or on the way to a missing one."""
        if os.path.dirname(path) in self._inside or path in self._inside:
            return True
        on_the_way = any(folder == path or folder.startswith(path + os.sep) for folder in self._missing)
        return on_the_way or any(path in (file, f"{file}-wal") for file in self._paths)

    def _sync(self, **progress: Any) -> SyncResult:
        start = time.monotonic()
        try:
            result = self._store.sync(
                self._paths, tools=self._tools, keep_source=self._keep_source, **progress
            )
        finally:
            self._last = time.monotonic()
            self.took = self._last - start
        self._missing = [folder.folder for folder in result.folders if not folder.exists]
        self._inside = frozenset(result.looked_into)
        return result

    def _tell(self, result: SyncResult) -> None:
        """One line for each change."""
        for file in result.read:
            if self._app.mode == "text":
                self._app.data(_line(file))
            else:
                self._app.items([file.to_dict()])
        if self._app.mode != "text":
            self._app.items({"damaged": damage} for damage in result.imported.to_dict()["damaged"])
        tell_damage(self._app, result)
        sys.stdout.flush()


def _line(file: SyncedFile) -> str:
    """A change, for a person."""
    at = time.strftime("%H:%M:%S")
    added = counted(file.messages, "message")
    return f"{at}  {file.tool or ANYWHERE:12} {'+' + added:>14}  {short(file.path)}"


def _nearest(path: str) -> str:
    """The folder above a path that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def _changes(app: App, rounds: _Rounds, own: str | None, end: Event) -> Iterator[bool]:
    """Whether anything changed, again and again, until told to end; the first time always true."""
    import watchfiles

    def wanted(_: object, path: str) -> bool:
        # What a round itself writes must not start the next.
        return not (own is not None and path.startswith(own)) and rounds.concerns(path)

    polling: bool | None = None
    while not end.is_set():
        watched, first = rounds.folders(), True
        try:
            for changes in watchfiles.watch(
                *watched,
                watch_filter=wanted,
                debounce=BURST,
                step=QUIET,
                stop_event=end,
                rust_timeout=TICK,
                yield_on_timeout=True,
                force_polling=polling,
                poll_delay_ms=POLL,
                recursive=False,
                ignore_permission_denied=True,
            ):
                # What changed before the watching began is found by a round right after.
                yield bool(changes) or first
                first = False
                if rounds.folders() != watched:
                    break
        except FileNotFoundError:
            yield True  # a folder has just gone: another round finds out which there are
        except (OSError, RuntimeError) as error:
            if polling:
                raise
            app.say(f"The system does not tell of changes here ({error}): looking every {POLL // 1000} s.")
            polling = True


@contextmanager
def _told_to_end() -> Iterator[Event]:
    """An event that SIGTERM sets, so that what is being done is done to its end."""
    end = Event()
    if current_thread() is not main_thread():
        yield end
        return
    before = signal.signal(signal.SIGTERM, lambda *_: end.set())
    try:
        yield end
    finally:
        signal.signal(signal.SIGTERM, before)


def _own_path(url: str) -> str | None:
    """Where the store itself lies, if that is a file or folder."""
    for scheme in ("sqlite:///", "file://"):
        if url.startswith(scheme):
            return os.path.abspath(os.path.expanduser(unquote(url[len(scheme) :].partition("?")[0])))
    return None


def _need_watchfiles() -> None:
    try:
        import watchfiles  # noqa: F401  # only whether it is there
    except ImportError as error:
        raise MissingExtraError(
            "sync --watch needs watchfiles, which is not installed.",
            hint="pip install 'recollect[watch]' brings it.",
        ) from error
