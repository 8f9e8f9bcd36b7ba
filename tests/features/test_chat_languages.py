"""The languages of Anthropic, Google and OpenAI's Responses: what is kept of a turn comes back to them."""

from __future__ import annotations

import asyncio

import pytest
from pydantic_ai.models.openai import OpenAIResponsesModel
from pydantic_ai.providers.openai import OpenAIProvider

from recollect import ChatError, Message, ReasoningPart, TextPart, ToolCallPart, Usage
from recollect.chat.engines import engine
from recollect.chat.events import Answered, Delta, Said, Turn

from .provider_servers import anthropic, google, responses, speaking

USER = Message.user("What is 1 + 3?")
AGAIN = Message.user("Sure?")


@pytest.fixture(scope="module")
def _server():
    with speaking() as server:
        yield server


@pytest.fixture
def server(_server, monkeypatch):
    monkeypatch.setenv("RECOLLECT_API_KEY", "key-for-the-server")
    for each in (_server.streams, _server.requests, _server.headers):
        each.clear()
    return _server


def add(a: int, b: int = 3) -> int:
    """Add."""
    return a + b


def played(model, *messages):
    async def collect():
        return [event async for event in model.play(Turn(messages, "Be brief.", (add,)))]

    return asyncio.run(collect())


def kept(events):
    return [event.message for event in events if isinstance(event, Said | Answered)]


def without_cost(usage):
    assert usage.cost_usd > 0
    return Usage(usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.reasoning_tokens)


def test_anthropic(server):
    model = engine(f"anthropic:claude-sonnet-5-5@{server.url}")
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}
    told = {"type": "text", "text": "Let me see."}
    server.streams += [
        anthropic(thinking, told, call, stop="tool_use"),
        anthropic({"type": "text", "text": "Four."}),
    ]
    events = played(model, USER)
    line = kept(events)
    assert [event for event in events if isinstance(event, Delta)] == [
        Delta("Hm.", "reasoning"),
        Delta("Let me see."),
        Delta("Four."),
    ]
    assert line[0].parts == (
        ReasoningPart("Hm.", {"signature": "c2lnbmVk"}),
        TextPart("Let me see."),
        ToolCallPart("add", {"a": 1}, "toolu_1"),
    )
    assert line[1].parts[0].response == 4
    assert (model.provider, line[0].model, line[0].metadata["provider"]) == (
        "anthropic",
        "claude-sonnet-5-5",
        "anthropic",
    )
    assert without_cost(line[0].usage) == Usage(25, 9, 5)
    server.streams.append(anthropic({"type": "text", "text": "Yes."}))
    played(model, USER, *line, AGAIN)
    asked = server.requests[-1]
    assert asked["system"] == "Be brief." or asked["system"][0]["text"] == "Be brief."
    assert [message["role"] for message in asked["messages"]] == [
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert [block["type"] for block in asked["messages"][1]["content"]] == ["thinking", "text", "tool_use"]
    assert asked["messages"][1]["content"][0]["signature"] == "c2lnbmVk"
    assert asked["messages"][2]["content"][0]["tool_use_id"] == "toolu_1"


def test_google(server):
    model = engine(f"google:gemini-2.5-flash@{server.url}")
    call = {"functionCall": {"name": "add", "args": {"a": 1}}, "thoughtSignature": "c2lnbmVk"}
    server.streams += [google({"text": "Hm.", "thought": True}, call), google({"text": "Four."})]
    events = played(model, USER)
    line = kept(events)
    assert line[0].parts[0] == ReasoningPart("Hm.")
    assert line[0].parts[1].arguments == {"a": 1}
    assert line[0].parts[1].metadata == {"details": {"thought_signature": "c2lnbmVk"}}
    assert line[2].text == "Four."
    assert without_cost(line[0].usage) == Usage(12, 7, 0, 3)
    server.streams.append(google({"text": "Yes."}))
    played(model, USER, *line, AGAIN)
    contents = server.requests[-1]["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
    sent = next(part for part in contents[1]["parts"] if "functionCall" in part)
    assert sent["thoughtSignature"] == "c2lnbmVk"
    assert contents[2]["parts"][0]["functionResponse"]["name"] == "add"
    assert server.headers[-1]["x-goog-api-key"] == "key-for-the-server"


def test_openai_responses(server):
    provider = OpenAIProvider(base_url=server.url, api_key="x")
    model = engine(OpenAIResponsesModel("gpt-5-mini", provider=provider))
    thought = {"type": "summary_text", "text": "Hm."}
    reasoning = {"type": "reasoning", "id": "rs_1", "summary": [thought], "encrypted_content": "c2VhbGVk"}
    call = {
        "type": "function_call",
        "id": "fc_1",
        "call_id": "call_1",
        "name": "add",
        "arguments": '{"a": 1}',
    }
    text = {"type": "output_text", "text": "Four.", "annotations": []}
    message = {
        "type": "message",
        "id": "msg_1",
        "role": "assistant",
        "status": "completed",
        "content": [text],
    }
    server.streams += [responses(reasoning, {**call, "status": "completed"}), responses(message)]
    line = kept(played(model, USER))
    assert (model.provider, model.model) == ("openai", "gpt-5-mini")
    assert line[0].parts[0].metadata == {"id": "rs_1", "signature": "c2VhbGVk"}
    assert line[0].parts[1] == ToolCallPart("add", {"a": 1}, "call_1")
    assert without_cost(line[0].usage) == Usage(30, 15, 8, 6)
    within = [item.get("type", item.get("role")) for item in server.requests[-1]["input"]]
    assert within == ["user", "reasoning", "function_call", "function_call_output"]
    server.streams.append(responses(message))
    played(model, USER, *line, AGAIN)
    later = server.requests[-1]["input"]
    assert [item.get("type", item.get("role")) for item in later] == [
        "user",
        "function_call",
        "function_call_output",
        "assistant",
        "user",
    ]
    assert not any("id" in item for item in later)


def test_a_conversation_moves_from_one_provider_to_another(server):
    first = engine(f"anthropic:claude-sonnet-5-5@{server.url}")
    thinking = {"type": "thinking", "thinking": "Hm.", "signature": "c2lnbmVk"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "add", "input": {"a": 1}}
    server.streams += [
        anthropic(thinking, call, stop="tool_use"),
        anthropic({"type": "text", "text": "Four."}),
    ]
    line = kept(played(first, USER))
    server.streams.append(google({"text": "Yes."}))
    played(engine(f"google:gemini-2.5-flash@{server.url}"), USER, *line, AGAIN)
    contents = server.requests[-1]["contents"]
    assert [content["role"] for content in contents] == ["user", "model", "user", "model", "user"]
    assert "Hm." not in str(contents)
    assert "c2lnbmVk" not in str(contents)
    assert contents[1]["parts"][0]["functionCall"]["args"] == {"a": 1}


SECRETS = [
    "OPENAI_API_KEY", "OPENAI_ADMIN_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "GOOGLE_API_KEY",
    "OPENROUTER_API_KEY", "OLLAMA_API_KEY",
]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["openai:m", "anthropic:claude-sonnet-5-5", "google:gemini-2.5-flash", "ollama:m"]
)
def test_no_providers_key_goes_to_another_server(server, monkeypatch, name):
    monkeypatch.delenv("RECOLLECT_API_KEY")
    for variable in SECRETS:
        monkeypatch.setenv(variable, f"secret-{variable}")
    server.streams.append([])
    with pytest.raises(ChatError):
        played(engine(f"{name}@{server.url}", retries=0), USER)
    assert server.headers
    assert "secret-" not in str(server.headers)
