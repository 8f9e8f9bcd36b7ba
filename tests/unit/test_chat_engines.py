"""Models without a network, and what names a model."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

import recollect
from recollect import (
    BlobPart,
    ConfigError,
    Message,
    MissingExtraError,
    ModelAccessError,
    TextPart,
    UriPart,
    Usage,
)
from recollect.chat.engines import PROVIDERS, engine
from recollect.chat.events import Delta, Turn

USER = Message.user("Hello there")
KEYS = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY")
ADDRESSES = ("OPENAI_BASE_URL", "OLLAMA_BASE_URL")


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch):
    for name in (*KEYS, *ADDRESSES):
        monkeypatch.delenv(name, raising=False)


def played(model, *messages, **turn):
    """All events of one turn."""

    async def collect():
        return [event async for event in model.play(Turn(messages or (USER,), **turn))]

    return asyncio.run(collect())


def text_of(events) -> str:
    return "".join(event.text for event in events if isinstance(event, Delta) and event.kind == "text")


# Echo


def test_echo_answers_word_by_word_with_the_message_and_the_count():
    *deltas, said = played(engine("echo"), Message.user("One"), Message.assistant("…"), USER)
    assert [delta.text for delta in deltas] == ["You ", "said: ", "Hello ", "there ", "(message ", "2)"]
    assert said.message.text == text_of(deltas) == "You said: Hello there (message 2)"
    assert said.message.role == "assistant"
    assert said.message.model == "echo"
    assert said.message.usage == Usage(input_tokens=4, output_tokens=6)
    assert said.message.usage.cost_usd is None


def test_echo_keeps_blanks_and_lines():
    events = played(engine("echo"), Message.user("  a\n\n b\t"))
    assert text_of(events) == events[-1].message.text == "You said:   a\n\n b\t (message 1)"


def test_echo_names_what_is_no_text():
    parts = [TextPart("Look:"), BlobPart(b"\x89", "image/png", "image"), UriPart("https://example.org/x")]
    assert played(engine("echo"), Message.user(parts))[-1].message.text == (
        "You said: Look: [image] [uri] (message 1)"
    )


def test_echo_lets_others_run_between_words():
    async def run():
        turns = []

        async def talk(name):
            async for event in engine("echo").play(Turn((USER,))):
                turns.append((name, type(event)))

        await asyncio.gather(talk("a"), talk("b"))
        return turns

    assert asyncio.run(run())[:4] == [("a", Delta), ("b", Delta), ("a", Delta), ("b", Delta)]


def test_echo_waits_between_words_when_told():
    loop_times = []

    async def run():
        async for _ in engine("echo", delay=0.01).play(Turn((USER,))):
            loop_times.append(asyncio.get_running_loop().time())

    asyncio.run(run())
    assert loop_times[5] - loop_times[0] >= 0.045


# Names of models


@pytest.mark.parametrize(
    "spec", ["", "gpt-5", "echo:", "echo:x", "script:", "openai:", ":x", "acme:model", "Echo"]
)
def test_what_names_no_model(spec):
    with pytest.raises(ConfigError, match="names no model"):
        engine(spec)


def test_what_is_no_model_at_all():
    with pytest.raises(ConfigError, match="not int"):
        engine(3)


def test_an_engine_is_returned_as_it_is():
    model = engine("echo")
    assert engine(model) is model
    with pytest.raises(ConfigError, match="An engine takes no option delay"):
        engine(model, delay=1)
    with pytest.raises(ConfigError, match="echo takes no option temperature"):
        engine("echo", temperature=1)


@pytest.mark.parametrize(
    ("provider", "variable"),
    [
        ("openai", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google", "GOOGLE_API_KEY"),
        ("openrouter", "OPENROUTER_API_KEY"),
    ],
)
def test_a_missing_key_names_the_variable_and_echo(provider, variable):
    with pytest.raises(ModelAccessError) as caught:
        engine(f"{provider}:some-model")
    assert variable in str(caught.value)
    assert "--model echo" in str(caught.value)
    assert str(caught.value).count(".") == 1  # one sentence


def test_providers_with_a_key_need_no_network_to_be_named(monkeypatch):
    for name in KEYS:
        monkeypatch.setenv(name, "sk-not-a-real-key")
    for provider in PROVIDERS:
        model = engine(f"{provider}:some/model:tag")
        assert (model.provider, model.model) == (provider, "some/model:tag")
    model = engine("openai:some@model@http://localhost:1/v1")
    assert (model.provider, model.model) == ("openai", "some@model@http://localhost:1/v1")


@pytest.mark.parametrize("url", ["localhost", "ftp://x/v1", "http://", "http://x:port/v1", "http://[x/v1"])
def test_an_address_that_is_none(url):
    with pytest.raises(ConfigError, match="base_url must be an address"):
        engine("openai:model", base_url=url)


def test_an_address_holds_no_password():
    with pytest.raises(ConfigError, match="must not hold a name or password") as caught:
        engine("openai:model@http://me:hunter2@example.org/v1")
    assert "hunter2" not in str(caught.value)


def test_openrouter_has_one_address(monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", "sk-or")
    with pytest.raises(ConfigError, match="openrouter has one address"):
        engine("openrouter:x/y", base_url="http://localhost:1/v1")


# Without the extra

BLOCKED = """
import sys
class Block:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in {"pydantic_ai", "pydantic", "openai", "anthropic", "google", "httpx", "prompt_toolkit"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Block())
import asyncio, json, recollect
from recollect.chat.engines import engine
from recollect.chat.events import Said, Turn
async def text(spec):
    turn = Turn((recollect.Message.user("Hi"),))
    return [event.message.text async for event in engine(spec).play(turn) if isinstance(event, Said)]
print(asyncio.run(text("echo")), asyncio.run(text("script:" + sys.argv[1])))
for spec in ("openai:gpt-5-mini", object()):
    try:
        engine(spec)
    except recollect.MissingExtraError as error:
        print(error)
"""


def test_offline_models_need_no_extra_and_providers_name_it(tmp_path):
    path = tmp_path / "script.json"
    path.write_text('["Scripted."]', encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", BLOCKED, str(path)], capture_output=True, text=True, check=True
    )
    told = (
        "Models of providers need pydantic-ai, which is not installed. "
        "pip install 'recollect[chat]' brings it; the models echo and script:FILE need nothing."
    )
    assert done.stdout.splitlines() == ["['You said: Hi (message 1)'] ['Scripted.']", told, told]
    assert issubclass(MissingExtraError, ImportError)


def test_offline_models_load_nothing_of_providers():
    code = (
        "import sys, recollect, recollect.chat.engines as e; e.engine('echo');"
        "print(sorted({m.partition('.')[0] for m in sys.modules} & "
        "{'pydantic', 'pydantic_ai', 'openai', 'anthropic', 'google', 'httpx', 'prompt_toolkit'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert recollect.ChatError.retryable is False
