"""``recollect sync --watch`` as a process: changes arrive, signals end it."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time

import pytest

from ..features.claude_files import append, claude, said, session_id

pytest.importorskip("watchfiles")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
PATIENCE = 60


class Watching:
    """The process, and its lines as they come."""

    def __init__(self, *args, **environment):
        command = [sys.executable, "-m", "recollect", "sync", "--watch", *args]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **environment},
        )
        self.out, self.err = queue.Queue(), queue.Queue()
        for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err)):
            threading.Thread(target=self._pass_on, args=(stream, lines), daemon=True).start()

    def _pass_on(self, stream, lines):
        for line in stream:
            lines.put(line)

    def until(self, lines, text):
        """The first line with that text in it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            line = lines.get(timeout=PATIENCE)
            if text in line:
                return line
        raise AssertionError(f"no line with {text!r}")

    def end(self, number):
        """Send a signal; gives the exit code and what is left on stderr."""
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        left = []
        time.sleep(0.2)
        while not self.err.empty():
            left.append(self.err.get())
        return code, "".join(left)


@pytest.fixture
def watching():
    started = []

    def start(*args, **environment):
        started.append(Watching(*args, **environment))
        started[-1].until(started[-1].err, "Watching")
        return started[-1]

    yield start
    for each in started:
        if each.process.poll() is None:
            each.process.kill()
        each.process.wait()
        each.process.stdout.close()
        each.process.stderr.close()


@pytest.mark.parametrize("polling", ["false", "true"])
def test_changes_come_in_as_they_happen(watching, hermetic, store, polling):
    path = claude(hermetic, 1, 2)
    watch = watching(WATCHFILES_FORCE_POLLING=polling)
    assert len(list(store.get(session_id(1)).messages())) == 2
    append(path, said(1, 3, "third"))
    line = watch.until(watch.out, "+1 message")
    assert line.split(maxsplit=2)[1] == "claude-code"
    assert line.rstrip().endswith(f"~/.claude/projects/-project/{path.name}")
    assert [message.text for message in store.get(session_id(1)).messages()][-1] == "third"
    assert watch.end(signal.SIGTERM) == (0, "")


def test_folders_that_appear_later_are_watched_too(watching, hermetic, store):
    watch = watching("--json")
    claude(hermetic, 1)
    first = json.loads(watch.until(watch.out, session_id(1)))
    assert (first["tool"], first["change"], first["messages"]) == ("claude-code", "new", 1)
    path = claude(hermetic, 2, folder=".claude/projects/-another")
    assert json.loads(watch.until(watch.out, session_id(2)))["sessions"] == [session_id(2)]
    append(path, said(2, 2))
    assert json.loads(watch.until(watch.out, session_id(2)))["change"] == "changed"
    code, err = watch.end(signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err
    assert store.verify().findings == []


def test_a_named_file_is_watched_and_the_store_itself_is_not(watching, tmp_path, store):
    path = claude(tmp_path, 1, folder=".")  # beside the store's own files
    watch = watching(str(path), "--tool", "codex")
    append(path, said(1, 2))
    assert path.name in watch.until(watch.out, "+1 message")
    time.sleep(3)
    assert watch.out.empty()
    assert watch.end(signal.SIGTERM)[0] == 0


def test_where_the_system_cannot_tell_of_changes_it_is_asked(monkeypatch, hermetic):
    """inotify can run out of watches: the folders are polled then."""
    import watchfiles

    from recollect.cli import watching as module
    from recollect.cli.app import App

    asked = []

    def watch(*folders, force_polling, **_):
        asked.append(force_polling)
        if not force_polling:
            raise OSError("OS file watch limit reached.")
        yield set()

    class Rounds:
        def folders(self):
            return frozenset({str(hermetic)})

        def concerns(self, path):
            return True

    monkeypatch.setattr(watchfiles, "watch", watch)
    end = threading.Event()
    changes = module._changes(App(quiet=True), Rounds(), None, end)
    assert next(changes) is True
    end.set()
    assert list(changes) == []
    assert asked == [None, True]
