"""Chats as processes: what they load, signals, readers that leave, the absent extra."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

RECOLLECT = [sys.executable, "-m", "recollect"]
posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")
WITHOUT_EXTRA = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("prompt_toolkit", "pydantic_ai"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from recollect.cli.main import main
sys.argv[0] = "recollect"
main()
"""


def test_other_commands_load_nothing_of_a_chat(filled):
    code = (
        "import sys\n"
        "from recollect.cli.main import main\n"
        "sys.argv = ['recollect', 'sessions', 'list', '--json']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "loaded = [m for m in sys.modules if m.startswith(('recollect.chat', 'recollect.cli.'))]\n"
        "assert not any('chat' in m or 'repl' in m or 'slash' in m for m in loaded), loaded\n"
        "for module in ('asyncio', 'prompt_toolkit', 'pydantic_ai', 'rich'):\n"
        "    assert module not in sys.modules, module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_offline_models_load_no_provider(store):
    code = (
        "import sys\n"
        "from recollect.cli.main import main\n"
        "sys.argv = ['recollect', 'Hello there', '--model', 'echo']\n"
        "try: main()\n"
        "except SystemExit as end: assert not end.code\n"
        "for module in ('prompt_toolkit', 'pydantic_ai', 'rich'):\n"
        "    assert module not in sys.modules, module\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "You said: Hello there (message 1)\n"), done.stderr


def test_one_message_needs_no_extra(store):
    command = [sys.executable, "-c", WITHOUT_EXTRA]
    done = subprocess.run(
        [*command, "Hello there", "--model", "echo"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "You said: Hello there (message 1)\n"), done.stderr
    done = subprocess.run(
        [*command, "Hello there", "--model", "openai:gpt-5-mini"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "pip install 'recollect[chat]'" in done.stderr.replace('"', "'")
    assert "Traceback" not in done.stderr
    assert len(store.sessions()) == 1


def test_bytes_reach_a_pipe_as_they_are(process, script):
    text = "# T\r\n\r\n\x1b[31m**b**\ttab \u202e ü漢"
    env = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    command = [*RECOLLECT, "--quiet", "say it", "--model", script(text)]
    done = subprocess.run(command, capture_output=True, check=False, env=env)
    assert done.stdout == f"{text}\n".encode()


@posix
@pytest.mark.parametrize("flags", [[], ["--jsonl"], ["--no-stream"]])
def test_an_interrupt_is_130_and_keeps_what_came(store, script, flags):
    model = script({"text": "one two three four five", "delay": 1})
    command = [*RECOLLECT, "count to five", "--model", model, *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stderr.readline().startswith(b"Session ")
        if flags == ["--no-stream"]:
            time.sleep(1.5)
        else:
            child.stdout.read(3)
        child.send_signal(signal.SIGINT)
        errors = child.stderr.read()
        assert child.wait(30) == 130
    assert b"Traceback" not in errors
    (info,) = store.sessions()
    user, reply = store.get(info.id).messages()
    assert user.text == "count to five"
    assert reply.text.startswith("one")
    assert "five" not in reply.text
    assert reply.metadata["interrupted"] in ("cancelled", "closed")


@posix
def test_a_reader_that_leaves_early_is_no_error(store, script):
    model = script({"text": "word " * 20_000, "delay": 0.0005})
    command = [*RECOLLECT, "say much", "--model", model]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.read(10)
        child.stdout.close()
        errors = child.stderr.read()
        assert child.wait(60) == 0
    assert errors.splitlines()[1:] == []
    (info,) = store.sessions()
    assert store.get(info.id).messages()[-1].metadata["interrupted"] in ("cancelled", "closed", "error")


def test_many_chats_on_one_session_at_once(store):
    command = [*RECOLLECT, "--quiet", "chat", "-s", "shared", "--create", "--model", "echo"]
    children = [subprocess.Popen([*command, f"from {n}"], stdout=subprocess.DEVNULL) for n in range(4)]
    assert [child.wait(60) for child in children] == [0] * 4
    texts = [message.text for message in store.get("shared").messages()]
    assert len(texts) == 8
    assert {text for text in texts if text.startswith("from")} == {f"from {n}" for n in range(4)}


@pytest.mark.slow
def test_a_reply_is_shown_even_if_it_can_not_be_stored(store):
    """It takes two patiences: one for the message, and one for all of it at the end."""
    code = (
        "import sys\n"
        "from recollect import Session, UnavailableError\n"
        "from recollect.cli.main import main\n"
        "def away(*_, **__): raise UnavailableError('The engine is away.')\n"
        "Session.append = away\n"
        "sys.argv = ['recollect', 'Hello there', '--model', 'echo', '--json']\n"
        "main()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["session"] is None
    assert document["reply"]["text"] == "You said: Hello there (message 1)"
    assert "recollect: The engine is away." in done.stderr
    assert "Traceback" not in done.stderr
