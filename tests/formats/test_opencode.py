"""OpenCode: folders of files, exports and the database tell the same; steps, tools, sub-agents, damage."""

from __future__ import annotations

import base64
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import apsw
import pytest

from recollect import (
    BlobPart,
    Message,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from recollect.formats import opencode
from recollect.formats.base import Conversation, Damage

from .format_sources import TRANSCRIPTS, Source, conversations, messages, real

SESSION = {
    "id": "ses_b",
    "slug": "calm-tide",
    "projectID": "p1",
    "directory": "/srv/notes",
    "parentID": "ses_a",
    "title": "Look into it",
    "version": "1.2.3",
    "time": {"created": 1750000000000, "updated": 1750000009000},
}
TOKENS = {"input": 5, "output": 7, "reasoning": 1, "cache": {"read": 3, "write": 2}}
MESSAGES: list[tuple[dict[str, Any], list[dict[str, Any]]]] = [
    (
        {
            "id": "msg_1",
            "role": "user",
            "time": {"created": 1750000001000},
            "agent": "build",
            "system": "Be brief.",
            "model": {"providerID": "acme", "modelID": "large"},
        },
        [
            {"id": "prt_1", "type": "text", "text": "What is in here?"},
            {"id": "prt_2", "type": "text", "text": "Called the Read tool", "synthetic": True},
            {
                "id": "prt_3",
                "type": "file",
                "mime": "image/png",
                "filename": "a.png",
                "url": "data:image/png;base64," + base64.b64encode(b"\x89PNG").decode(),
            },
            {"id": "prt_4", "type": "file", "mime": "text/plain", "url": "file:///srv/notes/a.txt"},
        ],
    ),
    (
        {
            "id": "msg_2",
            "role": "assistant",
            "parentID": "msg_1",
            "time": {"created": 1750000002000, "completed": 1750000004000},
            "modelID": "large",
            "providerID": "acme",
            "cost": 0.03,
            "tokens": TOKENS,
        },
        [
            {"id": "prt_1", "type": "step-start"},
            {"id": "prt_2", "type": "reasoning", "text": "Hm.", "time": {"start": 1}},
            {
                "id": "prt_3",
                "type": "tool",
                "callID": "c1",
                "tool": "bash",
                "state": {
                    "status": "completed",
                    "input": {"command": "ls"},
                    "output": "a.txt",
                    "title": "List",
                    "metadata": {"exit": 0},
                    "time": {"start": 1750000002500, "end": 1750000003000},
                },
            },
            {
                "id": "prt_4",
                "type": "tool",
                "callID": "c2",
                "tool": "task",
                "state": {"status": "error", "input": {}, "error": "no", "metadata": {"sessionId": "ses_c"}},
            },
            {"id": "prt_5", "type": "tool", "callID": "c3", "tool": "read", "state": {"status": "running"}},
            {"id": "prt_6", "type": "step-finish", "reason": "tool-calls", "cost": 0.01, "tokens": TOKENS},
            {"id": "prt_7", "type": "patch", "hash": "f00", "files": ["a.txt"]},
            {"id": "prt_8", "type": "step-start"},
            {"id": "prt_9", "type": "text", "text": "One file."},
            {"id": "prt_a", "type": "step-finish", "reason": "stop", "cost": 0.02, "tokens": TOKENS},
        ],
    ),
    (
        {
            "id": "msg_3",
            "role": "assistant",
            "summary": True,
            "tokens": TOKENS,
            "cost": 0,
            "modelID": "small",
        },
        [{"id": "prt_1", "type": "text", "text": "So far: one file."}],
    ),
    (
        {"id": "msg_4", "role": "user", "time": {"created": 1}},
        [{"id": "prt_1", "type": "compaction", "auto": True}],
    ),
]


def storage(folder: Path, *, session: dict[str, Any] = SESSION) -> Path:
    """The session as files; gives its own."""
    place = folder / "session" / "p1" / "ses_b.json"
    place.parent.mkdir(parents=True)
    place.write_text(json.dumps(session))
    for info, parts in MESSAGES:
        own = folder / "message" / "ses_b" / f"{info['id']}.json"
        own.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(json.dumps({**info, "sessionID": "ses_b"}))
        for part in parts:
            piece = folder / "part" / info["id"] / f"{part['id']}.json"
            piece.parent.mkdir(parents=True, exist_ok=True)
            piece.write_text(json.dumps({**part, "messageID": info["id"], "sessionID": "ses_b"}))
    return place


def database(path: Path) -> Path:
    connection = apsw.Connection(str(path))
    connection.execute(
        "CREATE TABLE `session` (id text PRIMARY KEY, project_id text NOT NULL, parent_id text, slug text,"
        " directory text, title text, version text, share_url text, revert text, time_created integer);"
        "CREATE TABLE `message` (id text PRIMARY KEY, session_id text, time_created integer, data text);"
        "CREATE TABLE `part` (id text PRIMARY KEY, message_id text, session_id text, data text);"
    )
    columns = ("id", "projectID", "parentID", "slug", "directory", "title", "version")
    row = tuple(SESSION[name] for name in columns)
    connection.execute("INSERT INTO session VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL, 1)", row)
    for number, (info, parts) in enumerate(MESSAGES):
        data = json.dumps({key: value for key, value in info.items() if key != "id"})
        connection.execute("INSERT INTO message VALUES (?, 'ses_b', ?, ?)", (info["id"], number, data))
        for part in parts:
            data = json.dumps({key: value for key, value in part.items() if key != "id"})
            values = (f"{info['id']}-{part['id']}", info["id"], data)
            connection.execute("INSERT INTO part VALUES (?, ?, 'ses_b', ?)", values)
    connection.close()
    return path


def export() -> bytes:
    told = [{"info": info, "parts": parts} for info, parts in MESSAGES]
    return json.dumps({"info": SESSION, "messages": told, "todos": []}, indent=2).encode()


def contents(found: list[Message]) -> list[Any]:
    return [(m.role, m.parts, m.usage, m.metadata, m.created_at, m.model) for m in found]


def test_messages_of_an_export() -> None:
    (conversation,) = conversations(opencode, Source(export(), "export.json"))
    found = messages(conversation)
    assert [m.role for m in found] == [
        *("user", "assistant", "tool", "tool", "assistant", "assistant", "user"),
    ]
    assert found[0].parts == (
        TextPart("What is in here?"),
        TextPart("Called the Read tool", {"opencode": {"synthetic": True}}),
        BlobPart(b"\x89PNG", "image/png", "image", metadata={"opencode": {"filename": "a.png"}}),
        UriPart("file:///srv/notes/a.txt", "text/plain"),
    )
    assert found[1].parts == (
        ReasoningPart("Hm."),
        ToolCallPart("bash", {"command": "ls"}, "c1", {"opencode": {"title": "List"}}),
        ToolCallPart("task", {}, "c2", {"opencode": {"session": "ses_c"}}),
        ToolCallPart("read", None, "c3"),
        OtherPart("patch", {"hash": "f00", "files": ["a.txt"]}),
    )
    assert found[2].parts == (ToolCallResponsePart("a.txt", "c1", {"opencode": {"exit": 0}}),)
    assert found[3].parts == (ToolCallResponsePart("no", "c2", {"is_error": True}),)
    assert found[4].text == "One file."
    assert [(m.metadata or {}).get("injected") for m in found[5:]] == ["compact_summary", "compaction"]
    assert [m.id for m in found if m.id.startswith("msg_")] == ["msg_1", "msg_2", "msg_3", "msg_4"]
    assert str(found[2].created_at) == "2025-06-15 15:06:43+00:00"


def test_each_call_of_the_model_is_counted_once() -> None:
    (conversation,) = conversations(opencode, Source(export(), "export.json"))
    usages = [m.usage for m in messages(conversation) if m.usage]
    assert [u.cost_usd for u in usages] == [Decimal("0.01"), Decimal("0.02"), Decimal(0)]
    assert (usages[0].input_tokens, usages[0].output_tokens) == (5, 7)
    assert (usages[0].cached_tokens, usages[0].reasoning_tokens) == (3, 1)


def test_attributes_and_parents() -> None:
    (conversation,) = conversations(opencode, Source(export(), "export.json"))
    assert conversation.native_id == "ses_b"
    assert (conversation.parent, conversation.relation) == ("ses_a", "subagent")
    assert conversation.attributes == {
        "name": "Look into it",
        "provider": "acme",
        "model": "large",
        "system_prompt": "Be brief.",
        "metadata": {
            "slug": "calm-tide",
            "project_id": "p1",
            "cwd": "/srv/notes",
            "tool_version": "1.2.3",
        },
    }


def test_files_and_database_tell_the_same(tmp_path: Path) -> None:
    (exported,) = conversations(opencode, Source(export(), "export.json"))
    (kept,) = conversations(opencode, Source.at(storage(tmp_path / "storage")))
    assert messages(kept) == messages(exported)
    assert kept.attributes == exported.attributes
    source = Source.at(database(tmp_path / "opencode.db"))
    assert opencode.detect(source.getvalue()[: 1 << 16], "opencode.db") > 0.9
    (stored,) = conversations(opencode, source)
    assert contents(messages(stored)) == contents(messages(exported))
    assert (stored.attributes, stored.parent) == (exported.attributes, exported.parent)


def test_messages_and_parts_alone_belong_to_their_sessions_file(tmp_path: Path) -> None:
    storage(tmp_path)
    for place in (*tmp_path.glob("message/*/*.json"), *tmp_path.glob("part/*/*.json")):
        source = Source.at(place)
        assert opencode.detect(source.getvalue(), source.name) > 0
        assert list(opencode.read(source)) == []


def test_damaged_files_beside(tmp_path: Path) -> None:
    source = Source.at(storage(tmp_path))
    (tmp_path / "message" / "ses_b" / "msg_3.json").write_text("{")
    (tmp_path / "part" / "msg_2" / "prt_9.json").write_text("[]")
    (conversation,) = opencode.read(source)
    assert isinstance(conversation, Conversation)
    found = list(conversation.messages)
    reasons = [piece.reason for piece in found if isinstance(piece, Damage)]
    assert reasons == ["the part in prt_9.json cannot be read", "the message in msg_3.json cannot be read"]
    ids = [m.id for m in found if isinstance(m, Message) and m.id.startswith("msg_")]
    assert ids == ["msg_1", "msg_2", "msg_4"]


@pytest.mark.parametrize("hostile", ["../../../etc", "a/b", "..", "a\\b", "c:", "x" * 300])
def test_ids_lead_to_no_other_folder(tmp_path: Path, hostile: str) -> None:
    source = Source.at(storage(tmp_path, session={**SESSION, "id": hostile}))
    (conversation,) = opencode.read(source)
    assert isinstance(conversation, Conversation)
    (damage,) = conversation.messages
    assert isinstance(damage, Damage)


def test_an_id_that_was_damaged(tmp_path: Path) -> None:
    source = Source.at(storage(tmp_path, session={**SESSION, "id": "ses_X"}))
    (conversation,) = opencode.read(source)
    assert isinstance(conversation, Conversation)
    (damage,) = conversation.messages
    assert damage == Damage(0, "no messages lie beside it, and its id is not that of its file")


def test_a_session_of_which_only_one_file_is_at_hand() -> None:
    (damage,) = opencode.read(Source(json.dumps(SESSION), "ses_b.json"))
    assert isinstance(damage, Damage)


@pytest.mark.parametrize("wrong", [None, 1, [], {}, "x", [None], True])
@pytest.mark.parametrize("key", ["parts", "time", "tokens", "cost", "model", "modelID", "error", "summary"])
def test_wrong_types_lose_no_message(key: str, wrong: Any) -> None:
    told = [
        {"info": {**info, key: wrong}, "parts": wrong if key == "parts" else parts}
        for info, parts in MESSAGES
    ]
    data = json.dumps({"info": {**SESSION, key: wrong}, "messages": told})
    (conversation,) = conversations(opencode, Source(data, "x.json"))
    assert {"msg_1", "msg_2", "msg_3", "msg_4"} <= {m.id for m in messages(conversation)}


@pytest.mark.parametrize("wrong", [None, 1, [], {}, "x", [None]])
@pytest.mark.parametrize("key", ["type", "text", "url", "mime", "state", "tool", "callID", "id"])
def test_wrong_types_in_parts(key: str, wrong: Any) -> None:
    told = [{"info": info, "parts": [{**part, key: wrong} for part in parts]} for info, parts in MESSAGES]
    (conversation,) = conversations(opencode, Source(json.dumps({"info": SESSION, "messages": told})))
    assert {"msg_1", "msg_2", "msg_3", "msg_4"} <= {
        m.id for m in conversation.messages if isinstance(m, Message)
    }


def test_an_export_that_ends_too_soon() -> None:
    data = export()
    damage, conversation = list(opencode.read(Source(data[: data.index(b'"msg_3"')])))
    assert isinstance(damage, Damage)
    assert isinstance(conversation, Conversation)
    assert len(messages(conversation)) == 5


def test_detection() -> None:
    assert opencode.detect(export(), "x.json") > 0.9
    assert opencode.detect(json.dumps(SESSION).encode(), "x.json") > 0.8
    assert opencode.detect(b'{"messages": [{"role": "user"}]}', "x.json") == 0
    assert opencode.detect(b'[{"projectID": 1}]', "x.json") == 0
    assert opencode.detect(b"", "") == 0


class TestReal:
    pytestmark = real

    def test_all_fixtures(self) -> None:
        root = TRANSCRIPTS / "fixtures_small" / "agent-sessions" / "opencode"
        counts = {}
        for place in sorted(root.rglob("*.json")):
            source = Source.at(place)
            assert opencode.detect(source.getvalue(), source.name) > 0
            for conversation in conversations(opencode, source):
                counts[conversation.native_id] = [m.role for m in messages(conversation)]
        assert counts == {
            "s_stage0_drift": ["user", "assistant", "tool"],
            "s_stage0_large": ["user", "assistant", "tool", "user", "assistant"],
            "s_stage0_small": ["user", "assistant", "tool"],
        }
