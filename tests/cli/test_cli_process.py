"""The command as a process: exit codes, pipes, signals, start-up, what stays on disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

RECOLLECT = [sys.executable, "-m", "recollect"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")


def test_version_and_help(process):
    from recollect import __version__

    assert process("--version").out == f"recollect {__version__}\n"
    for args in (["--help"], ["sessions", "--help"], ["sessions", "meta", "-h"], ["search", "--help"]):
        ran = process(*args)
        assert ran.code == 0
        assert "Example" in ran.out or args == ["sessions", "--help"]


def test_version_imports_nothing_heavy(process):
    code = (
        "import sys, recollect.cli.main\n"
        "for module in ('rich', 'apsw', 'msgspec', 'asyncio', 'platformdirs', 'recollect.store'):\n"
        "    assert module not in sys.modules, module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_exit_codes_reach_the_shell(process, filled):
    assert process("sessions", "list").code == 0
    assert process("sessions", "show", "absent").code == 3
    assert process("nonsense").code == 2
    assert process("--json", "sessions", "show", "absent").error["code"] == 3


def test_damage_reaches_the_shell(process, damaged):
    assert process("verify").code == 6


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_code_4(process, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    ran = process("--store", f"sqlite:///{folder}/x.db", "sessions", "list")
    assert ran.code == 4
    assert "Traceback" not in ran.err


@posix
@pytest.mark.parametrize("mode", [[], ["--json"], ["--jsonl"]])
def test_a_reader_that_leaves_early_is_no_error(store, mode):
    from recollect import Message

    store.open("long").append(*[Message.user(f"{n} " + "x" * 200) for n in range(3000)])
    command = [*RECOLLECT, *mode, "sessions", "show", "long"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        errors = child.stderr.read()
        assert child.wait(30) == 0
    assert errors == b""


@posix
def test_an_interrupt_is_130_without_a_traceback():
    # Reading stdin that never ends gives the signal something to interrupt.
    command = [*RECOLLECT, "import", "-"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        child.stdin.write(b'{"messages": [')
        child.stdin.flush()
        time.sleep(1.5)
        child.send_signal(signal.SIGINT)
        code = child.wait(30)
        errors = child.stderr.read().decode()
    assert code == 130
    assert "Interrupted" in errors
    assert "Traceback" not in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_output_that_cannot_be_written_is_an_error(filled):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [*RECOLLECT, "sessions", "list"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60
        )
    assert done.returncode == 1
    assert b"No space left" in done.stderr
    assert b"Traceback" not in done.stderr


def test_output_is_utf8_whatever_the_locale(store, process):
    store.open("a", name="漢字 ü")
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    assert "漢字 ü" in process("sessions", "list", env=env).out
    assert process("sessions", "list", "--json", env=env).json["sessions"][0]["name"] == "漢字 ü"


def test_a_current_folder_that_is_gone(process, here, monkeypatch):
    code = (
        "import os, sys, tempfile\n"
        "folder = tempfile.mkdtemp(); os.chdir(folder); os.rmdir(folder)\n"
        "from recollect.cli.main import main\n"
        "sys.argv = ['recollect', 'sessions', 'list']\n"
        "main()\n"
    )
    if os.name == "posix":
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_the_default_store_is_private_and_in_the_data_folder(process, hermetic, monkeypatch):
    from recollect.config import default_store

    monkeypatch.delenv("RECOLLECT_STORE")
    assert process("sessions", "list").code == 0
    path = default_store().removeprefix("sqlite:///")
    assert path.startswith(str(hermetic))
    assert os.path.isfile(path)
    if os.name == "posix":
        assert os.stat(path).st_mode & 0o077 == 0


@posix
def test_many_commands_at_once_lose_nothing(filled):
    children = [
        subprocess.Popen(
            [*RECOLLECT, "--quiet", "sessions", "tag", "rust-notes", f"t{n}"], stderr=subprocess.PIPE
        )
        for n in range(6)
    ]
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert (child.returncode, errors) == (0, b"")
    assert {f"t{n}" for n in range(6)} <= set(filled.get("rust-notes").info.tags)
