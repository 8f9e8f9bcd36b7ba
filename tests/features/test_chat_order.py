"""What is on the disk when a tool runs and when a model is called, seen through a second store."""

from __future__ import annotations

import json

import pytest

from recollect import Chat, Store, ToolCallPart


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path}/chats.db"


@pytest.fixture(params=["script", "pydantic-ai"])
def model(request, tmp_path):
    """A model that calls each tool once and then answers."""
    if request.param == "script":
        path = tmp_path / "script.json"
        calls = [{"name": name, "arguments": {"a": "a"}} for name in ("first", "second")]
        path.write_text(json.dumps([{"tool_calls": [call]} for call in calls] + ["Done."]))
        return f"script:{path}"
    models = pytest.importorskip("pydantic_ai.models.test", reason="needs the extra chat")
    return models.TestModel()


def test_a_call_is_stored_before_its_tool_runs(url, model):
    seen = []

    def look(name):
        with Store(url) as other:
            line = other.get("s").messages()
        calls = [part.name for m in line for part in m.parts if isinstance(part, ToolCallPart)]
        seen.append((name, line[0].text, name in calls))

    def first(a: str) -> str:
        look("first")
        return a

    async def second(a: str) -> str:
        look("second")
        return a

    with Store(url) as store, Chat("s", store=store, model=model, tools=[first, second]) as chat:
        assert chat.send("Go").success
    assert sorted(seen) == [("first", "Go", True), ("second", "Go", True)]


def test_an_answer_is_stored_before_the_model_goes_on(url, model):
    stored = []
    if isinstance(model, str):
        from recollect.chat.script import Script

        inner = Script.load(model.partition(":")[2])
        following = inner._next
        inner._next = lambda: (stored.append(roles(url)), following())[1]
        model = inner
    else:
        request_stream = model.request_stream

        def spied(*given, **named):
            stored.append(roles(url))
            return request_stream(*given, **named)

        model.request_stream = spied

    def first(a: str) -> str:
        return a

    def second(a: str) -> str:
        return a

    with Store(url) as store, Chat("s", store=store, model=model, tools=[first, second]) as chat:
        assert chat.send("Go").success
        whole = [message.role for message in chat.session.messages()]
    assert stored[0] == ["user"]
    assert len(stored) >= 2
    assert all(now == whole[: len(now)] and now[-1] in ("user", "tool") for now in stored)


def roles(url):
    with Store(url) as other:
        return [message.role for message in other.get("s").messages()]
