"""Processes that write and may be killed, started by one long-lived process that has all imported.

As a script this is that process: each line on its input is a list of orders; it forks a child for
each, says their ids, waits for all, and says how they ended. Children speak for themselves.
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

Said = dict[str, Any]
PATIENCE = 60.0


class Nursery:
    """The tests' end of it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._rest = b""

    def run(self, *orders: Said) -> list[Said]:
        """Let children do this, at once; what they said. Fails unless all ended well."""
        self._start(orders)
        said = list(self._heard(time.monotonic() + PATIENCE))
        errors = [words["error"] for words in said if "error" in words]
        assert not errors, errors[0]
        assert said.pop() == {"ended": [0] * len(orders)}
        return said

    def killed(self, order: Said, delay: float, *, wait_for: int = 0) -> list[Said]:
        """Let a child do this and kill it ``delay`` seconds after it spoke ``wait_for`` times, unless
        it was done before; what it said."""
        (pid,) = self._start([order])
        said: list[Said] = []
        deadline = time.monotonic() + (PATIENCE if wait_for else delay)
        for words in self._heard(deadline, may_end=False):
            said.append(words)
            if "ended" in words:
                break
            if len(said) == wait_for:
                deadline = time.monotonic() + delay
                said += self._heard(deadline, may_end=False)
                break
        if not said or "ended" not in said[-1]:
            with suppress(ProcessLookupError):  # it ended just now
                os.kill(pid, signal.SIGKILL)
            said += self._heard(time.monotonic() + PATIENCE)
        assert said.pop()["ended"] in ([0], [-signal.SIGKILL]), said
        return said

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE)
        self._process.stdout.close()

    def _start(self, orders: Any) -> list[int]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(list(orders)).encode() + b"\n")
        for words in self._heard(time.monotonic() + PATIENCE):
            if "pids" in words:
                return words["pids"]
        raise AssertionError("the nursery ended")

    def _heard(self, deadline: float, *, may_end: bool = True) -> Iterator[Said]:
        """What is said until the children ended, or until the deadline; that must not be with ``may_end``."""
        assert self._process.stdout is not None
        fd = self._process.stdout.fileno()
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                words = json.loads(line)
                yield words
                if "ended" in words:
                    return
                continue
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([fd], [], [], left)[0]:
                assert not may_end, "the children did not end in time"
                return
            data = os.read(fd, 65_536)
            assert data, "the nursery ended"
            self._rest += data


def say(**words: Any) -> None:
    """One line, in one write, so that nobody else's gets into it."""
    os.write(1, json.dumps(words).encode() + b"\n")


def _child(order: Said, gate: int) -> None:
    from jobs import JOBS

    os.read(gate, 1)  # all start at once, when the gate's other end is closed
    status = 1
    try:
        JOBS[order["do"]](order, say)
        status = 0
    except BaseException:
        say(error=traceback.format_exc()[-3000:])
        raise
    finally:
        os._exit(status)


def main() -> None:
    """Serve orders until the input ends."""
    import jobs  # noqa: F401  # imported once, before the children are forked

    warnings.simplefilter("ignore")  # torn ends are expected here, and forking is the point
    for line in sys.stdin:
        pids = []
        gate, gatekeeper = os.pipe()
        for order in json.loads(line):
            pid = os.fork()
            if pid == 0:
                os.close(gatekeeper)
                _child(order, gate)
            pids.append(pid)
        say(pids=pids)
        os.close(gate)
        os.close(gatekeeper)
        say(ended=[os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids])


if __name__ == "__main__":
    main()
