"""File synchronisation that takes a millisecond longer, as on slow disks: a preloaded library or a VFS."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from pathlib import Path

import apsw

DELAY = 0.001
VFS = "recollect-bench-slow"

_SOURCE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>
static void wait_a_millisecond(void) { struct timespec t = {0, 1000000}; nanosleep(&t, 0); }
int fsync(int fd) { int (*f)(int) = dlsym(RTLD_NEXT, "fsync"); wait_a_millisecond(); return f(fd); }
int fdatasync(int fd) { int (*f)(int) = dlsym(RTLD_NEXT, "fdatasync"); wait_a_millisecond(); return f(fd); }
"""


def shim(folder: Path) -> dict[str, str] | None:
    """An environment in which every fsync takes a millisecond longer; None where that cannot be had."""
    compiler = shutil.which("cc")
    if compiler is None or not sys.platform.startswith("linux"):
        return None
    source, library = folder / "slowsync.c", folder / "slowsync.so"
    source.write_text(_SOURCE)
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    return {"LD_PRELOAD": str(library)}


class SlowVFS(apsw.VFS):
    """SQLite's own file access with a pause in each sync."""

    def __init__(self) -> None:
        super().__init__(VFS, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802  # apsw's
        """Open a file that syncs slowly."""
        return _SlowFile("", name, flags)


class _SlowFile(apsw.VFSFile):
    def xSync(self, flags: int) -> None:  # noqa: N802  # apsw's name
        time.sleep(DELAY)
        super().xSync(flags)
