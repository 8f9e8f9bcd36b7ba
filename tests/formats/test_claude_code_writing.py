"""Claude Code: what is written is read again as it was."""

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect import (
    BlobPart,
    FilePart,
    Message,
    OtherPart,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.formats import claude_code, detected, writer
from recollect.formats.claude_code_injected import injected_text

from .claude_sessions import SESSION
from .format_sources import Source, conversations, lines, messages

NOW = datetime(2026, 3, 1, 10, tzinfo=UTC)
UUID = "9f0c2f6a-1111-4222-8333-{:012}"


def info(session: str = SESSION, **more) -> SessionInfo:
    return SessionInfo(session, "default", 1, NOW, NOW, **more)


def written(found, about: SessionInfo | None = None) -> str:
    pieces: list[str] = []
    claude_code.write(about or info(), found, pieces.append)
    return "".join(pieces)


def read_back(found, about: SessionInfo | None = None):
    (conversation,) = conversations(claude_code, Source(written(found, about), f"{SESSION}.jsonl"))
    return conversation


def plain(message: Message) -> tuple:
    """What the format can hold of any message."""
    return message.id, message.role, message.parts, message.created_at, message.model, message.usage


# Everything below the surface of one message that the format can hold: no text that begins as the
# client's own injections do, images and documents with their kind, blocks kept whole under their type.
TEXT = st.text(st.characters(exclude_categories=[]), max_size=12).filter(lambda t: injected_text(t) is None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KIND = st.sampled_from(["image", "document"])
SAID = (
    st.builds(TextPart, TEXT)
    | st.builds(
        BlobPart, st.binary(max_size=9), st.sampled_from(["image/png", "image/gif"]), st.just("image")
    )
    | st.builds(BlobPart, st.binary(max_size=9), st.just("application/pdf"), st.just("document"))
    | st.builds(UriPart, st.text(max_size=9), st.none(), KIND)
    | st.builds(FilePart, st.text(max_size=9), st.none(), KIND)
    | JSON.map(lambda value: OtherPart("hologram", {"type": "hologram", "value": value}))
)
REASONING = st.builds(
    ReasoningPart, TEXT, st.none() | st.fixed_dictionaries({"signature": st.text(max_size=5)})
)
CALL_IDS = st.sampled_from([f"toolu_{i}" for i in range(6)])
CALL = st.builds(ToolCallPart, st.text(max_size=6), st.dictionaries(st.text(max_size=4), JSON), CALL_IDS)
ANSWER = st.builds(
    ToolCallResponsePart,
    st.none()
    | st.text(max_size=9)
    | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT})),
    CALL_IDS,
    st.none() | st.just({"is_error": True}),
)
MOMENT = st.none() | st.datetimes(datetime(1980, 1, 1), datetime(2150, 1, 1), timezones=st.just(UTC))
TOKENS = st.integers(0, 1 << 40)
SPENT = st.none() | st.builds(Usage, TOKENS, TOKENS, TOKENS)
MESSAGE = (
    st.builds(Message, role=st.just("user"), parts=st.lists(SAID, max_size=3).map(tuple), created_at=MOMENT)
    | st.builds(Message, role=st.just("tool"), parts=st.tuples(ANSWER), created_at=MOMENT)
    | st.builds(
        Message,
        role=st.just("assistant"),
        parts=st.lists(SAID | REASONING | CALL, max_size=4).map(tuple),
        created_at=MOMENT,
        model=st.none() | st.text(max_size=6),
        usage=SPENT,
    )
)


def numbered(found: list[Message]) -> list[Message]:
    fields = ("role", "parts", "created_at", "model", "usage")
    return [
        Message(id=UUID.format(i), **{name: getattr(message, name) for name in fields})
        for i, message in enumerate(found)
    ]


@given(st.lists(MESSAGE, min_size=1, max_size=8).map(numbered))
def test_what_is_written_is_read_as_it_was(found):
    conversation = read_back(found)
    main, *others = lines(conversation)
    assert not others
    assert [plain(message) for message in main] == [plain(message) for message in found]


def turn() -> list[Message]:
    return [
        Message.user("How many?", id=UUID.format(1), created_at=NOW),
        Message.assistant(
            [ReasoningPart("Count.", {"signature": "s"}), ToolCallPart("Bash", {"c": "ls"}, "t1")],
            id=UUID.format(2),
            model="claude-opus-4-6",
            usage=Usage(1, 2, 3),
        ),
        Message.tool("t1", "a b", id=UUID.format(3)),
        Message.assistant("Two.", id=UUID.format(4)),
    ]


def test_the_records_are_those_of_the_client():
    about = info(name="Counting", summary="Two files", metadata={"cwd": "/srv", "git_branch": "main"})
    text = written(turn(), about)
    assert detected(text.encode(), "x.jsonl") is claude_code is writer("claude-code")
    records = [json.loads(line) for line in text.splitlines()]
    *chain, title, summary = records
    assert [record["type"] for record in chain] == ["user", "assistant", "assistant", "user", "assistant"]
    assert chain[0]["parentUuid"] is None
    for before, record in pairwise(chain):
        assert record["parentUuid"] == before["uuid"]
    assert {record["sessionId"] for record in (*chain, title)} == {SESSION}
    assert {(record["cwd"], record["gitBranch"]) for record in chain} == {("/srv", "main")}
    first, second = chain[1]["message"], chain[2]["message"]
    assert first["id"] == second["id"] != chain[4]["message"]["id"]
    assert [len(body["content"]) for body in (first, second)] == [1, 1]
    assert (first["stop_reason"], second["stop_reason"]) == (None, "tool_use")
    assert title == {"type": "custom-title", "customTitle": "Counting", "sessionId": SESSION}
    assert summary == {"type": "summary", "summary": "Two files", "leafUuid": chain[-1]["uuid"]}
    found = read_back(turn(), about)
    assert found.native_id == SESSION
    assert found.attributes["name"] == "Counting"


def test_names_that_are_no_uuids_become_some():
    text = written(
        [Message.user("Hi", id="first"), Message.assistant("Yes", id="second")], info("my session")
    )
    records = [json.loads(line) for line in text.splitlines()]
    assert all(len(record[key]) == 36 for record in records for key in ("uuid", "sessionId"))
    assert text == written(
        [Message.user("Hi", id="first"), Message.assistant("Yes", id="second")], info("my session")
    )


def test_roles_the_client_does_not_have_are_injected():
    rules = Message.system("Be brief.", id=UUID.format(1))
    (message,) = messages(read_back([rules]))
    assert (message.role, message.text, message.metadata["injected"]) == ("user", "Be brief.", "meta")


@pytest.mark.parametrize("kind", ["meta", "compact_summary", "transcript_only", "command", "odd_one"])
def test_injections_stay_marked(kind):
    message = Message.user("x", id=UUID.format(1), metadata={"injected": kind})
    (found,) = messages(read_back([message]))
    assert found.metadata["injected"] == kind


def test_replies_never_run_into_one_another():
    same = {"claude_code": {"message_id": "m1"}}
    found = messages(
        read_back([Message.assistant(word, id=UUID.format(i), metadata=same) for i, word in enumerate("ab")])
    )
    assert [message.text for message in found] == ["a", "b"]


def test_a_call_without_an_id_and_its_answer_are_paired():
    found = messages(
        read_back(
            [
                Message.assistant(ToolCallPart("Bash", {}), id=UUID.format(1)),
                Message.tool(None, {"a": 1}, id=UUID.format(2)),
            ]
        )
    )
    assert found[0].parts[0].id == found[1].parts[0].id is not None
    assert found[1].parts[0].response == '{"a":1}'
