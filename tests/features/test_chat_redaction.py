"""Secrets are replaced before they are stored, and the user is told."""

from __future__ import annotations

import asyncio
import warnings

import pytest

from recollect import AsyncChat, ChatWarning, Store
from recollect.chat.redaction import redact_keys

from .chat_engines import Shown, script

KEY = "sk-" + "proj-a1B2c3D4e5F6g7H8i9J0"


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        (f"My key is {KEY}.", "My key is [redacted]."),
        (f"export OPENAI_API_KEY={KEY}", "export OPENAI_API_KEY=[redacted]"),
        ("password = hunter2x", "password = [redacted]"),
        ('{"api_key": "abc123def"}', '{"api_key": "[redacted]"}'),
        ("postgres://me:secret1@db/x", "postgres://[redacted]@db/x"),
        ("The secret: always be kind", "The secret: always be kind"),
        ("password: ask Anna", "password: ask Anna"),
        ("Write to anna@example.org", "Write to anna@example.org"),
        ("Ask anna or -Users-anna-notes", "Ask anna or -Users-anna-notes"),
        ("max_tokens=4096 and sk-learn", "max_tokens=4096 and sk-learn"),
    ],
)
def test_what_has_the_form_of_a_key_is_replaced(text, safe):
    assert redact_keys(text) == safe


def test_nothing_of_a_secret_is_stored(tmp_path):
    told = []
    call = {"name": "login", "arguments": {"token": "abc123xyz", "user": "anna"}, "result": {"keys": [KEY]}}
    model = script(tmp_path, {"text": f"I use {KEY}", "tool_calls": [call]}, {"text": f"Done with {KEY}"})
    url = f"sqlite:///{tmp_path}/chats.db"

    async def program():
        chat = AsyncChat(
            "a", store=url, model=model, redact=True, system=f"Use {KEY}", name=KEY, on_event=told.append
        )
        async with chat:
            reply = await chat.send(f"Log in with {KEY}")
            assert reply.text == f"Done with {KEY}"  # what the model said is shown as it is

    with pytest.warns(ChatWarning, match="role user was replaced before it was stored") as caught:
        asyncio.run(program())
    assert len(caught) == 1
    assert [event.kind for event in told].count("redacted") == 4
    with Store(url) as store:
        session = store.get("a")
        texts = repr([session.messages(), session.info])
        assert "abc123xyz" not in texts
        assert KEY not in texts
        assert "anna" in texts
        assert session.messages()[0].text == "Log in with [redacted]"
        assert session.info.system_prompt == "Use [redacted]"
    assert not any(KEY.encode() in path.read_bytes() for path in tmp_path.glob("chats.db*"))


def test_the_model_sees_the_secret_once_and_then_what_was_stored():
    async def program():
        shown = Shown()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ChatWarning)
            async with AsyncChat("a", store="memory:", model=shown, redact=True) as chat:
                await chat.send(f"one {KEY}")
                assert shown.texts == [f"one {KEY}"]
                await chat.send("two")
                assert shown.texts == ["one [redacted]", "ok", "two"]

    asyncio.run(program())


def test_a_redactor_of_ones_own():
    async def program():
        redact = {"redact": lambda text: text.replace("Anna", "A.")}
        async with AsyncChat("a", store="memory:", model="echo", **redact) as chat:
            await chat.send("I am Anna")
            assert (await chat.session.messages())[1].text == "You said: I am A. (message 1)"

    with pytest.warns(ChatWarning):
        asyncio.run(program())


def test_without_redact_every_word_is_kept():
    async def program():
        async with AsyncChat("a", store="memory:", model="echo") as chat:
            await chat.send(KEY)
            assert (await chat.session.messages())[0].text == KEY

    asyncio.run(program())
