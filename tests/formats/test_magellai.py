"""Magellai: JSON files of every layout, recovery files, both schemas of its database."""

import base64
import json
from datetime import UTC, datetime

import pytest

from recollect import BlobPart, UriPart
from recollect.formats import detected, magellai
from recollect.formats.base import Damage
from recollect.formats.magellai_messages import go_time

from .format_sources import Source, conversations, messages
from .sqlite_files import built, head_of

WHEN = "2025-05-20T21:22:25.123456789-07:00"
MOMENT = datetime(2025, 5, 21, 4, 22, 25, 123456, tzinfo=UTC)
HI = {"id": "m1", "role": "user", "content": "Hi", "timestamp": WHEN}
HELLO = {"id": "m2", "role": "assistant", "content": "Hello", "timestamp": WHEN, "metadata": {"k": 1}}
ABOUT = {"model": "m", "provider": "anthropic", "temperature": 0.5, "max_tokens": 0, "system_prompt": "Brief"}
SESSION = {
    "id": "s1",
    "name": "Talk",
    "created": WHEN,
    "updated": WHEN,
    "tags": ["a", "b"],
    "config": {"x": 1},
}
V2 = {**SESSION, "conversation": {"id": "s1", "messages": [HI, HELLO], **ABOUT, "created": WHEN}}
V1 = {**SESSION, "messages": [HI, HELLO], **ABOUT}
V1B = {**V1, "conversation": {"id": "s1", "messages": [HI], **ABOUT, "model": "other"}}
RECOVERY = {
    "session_id": "s1", "session_name": "Talk", "conversation_data": V2, "timestamp": WHEN,
    "app_version": "1.2", "storage_backend": "filesystem",
}  # fmt: skip


def read(value):
    text = json.dumps(value, indent=2)
    assert detected(text.encode(), "s1.json") is magellai
    return conversations(magellai, Source(text, "s1.json"))


@pytest.mark.parametrize("layout", [V2, V1, V1B, RECOVERY], ids=["v2", "v1", "v1b", "recovery"])
def test_every_layout_says_the_same(layout):
    (found,) = read(layout)
    assert found.native_id == "s1"
    metadata = dict(found.attributes["metadata"])
    own = metadata.pop("magellai", {})
    assert ("recovery" in own) == (layout is RECOVERY)
    assert {**found.attributes, "metadata": metadata} == {
        "name": "Talk", "provider": "anthropic", "model": "m", "system_prompt": "Brief", "tags": ["a", "b"],
        "metadata": {
            "created_at": "2025-05-21T04:22:25.123456Z", "updated_at": "2025-05-21T04:22:25.123456Z",
            "temperature": 0.5, "config": {"x": 1},
        },
    }  # fmt: skip
    first, second = messages(found)
    assert [(m.id, m.role, m.text, m.created_at) for m in (first, second)] == [
        ("m1", "user", "Hi", MOMENT), ("m2", "assistant", "Hello", MOMENT),
    ]  # fmt: skip
    assert second.metadata == {"magellai": {"metadata": {"k": 1}}}


def test_a_branch_knows_its_parent():
    branch = {**V2, "id": "s2", "parent_id": "s1", "branch_point": 1, "branch_name": "try"}
    (found,) = read(branch)
    assert (found.parent, found.relation) == ("s1", "fork")
    assert found.attributes["metadata"]["branch_point"] == 1
    assert found.attributes["metadata"]["branch_name"] == "try"
    (parent,) = read({**V2, "child_ids": ["s2"]})
    assert parent.parent is None
    assert parent.attributes["metadata"]["magellai"]["child_ids"] == ["s2"]


def test_ids_that_come_again_and_ids_that_are_missing():
    again = [HI, {**HELLO, "id": "m1"}, {"role": "user", "content": "?"}, {"role": "user", "content": "?"}]
    (found,) = read({**SESSION, "conversation": {"id": "s1", "messages": again}})
    ids = [message.id for message in messages(found)]
    assert ids[0] == "m1"
    assert len(set(ids)) == 4
    (grown,) = read({**SESSION, "conversation": {"id": "s1", "messages": [*again, HI]}})
    assert [message.id for message in messages(grown)][:4] == ids


def test_attachments_become_bytes_or_addresses():
    encoded = base64.b64encode(b"\x89PNG").decode()
    listed = [
        {"id": "a1", "type": "image", "content": encoded, "mime_type": "image/png", "name": "x.png"},
        {"id": "a2", "type": "image", "url": "https://example.com/x.png"},
        {"id": "a3", "type": "file", "file_path": "/srv/x/y.pdf", "mime_type": "application/pdf"},
        {"type": "text", "content": "plain words"},
        {"type": "text", "content": "test"},
        {"type": "text", "content": base64.b64encode(b"coded").decode()},
    ]
    (found,) = read({**SESSION, "messages": [{**HI, "attachments": listed}]})
    image, link, file, *texts = messages(found)[0].parts[1:]
    assert image == BlobPart(
        b"\x89PNG", "image/png", "image", None, {"magellai": {"id": "a1", "type": "image", "name": "x.png"}}
    )
    assert isinstance(link, UriPart)
    assert (link.uri, link.modality, file.uri) == (
        "https://example.com/x.png",
        "image",
        "file:///srv/x/y.pdf",
    )
    assert [(part.content, part.mime_type) for part in texts] == [
        (b"plain words", "text/plain"), (b"test", "text/plain"), (b"coded", "text/plain"),
    ]  # fmt: skip


def test_a_message_that_is_none_is_damage_and_the_rest_is_read():
    text = json.dumps({**SESSION, "messages": [HI, 7, HELLO]})
    (found,) = magellai.read(Source(text))
    first, damage, second = found.messages
    assert (first.id, second.id) == ("m1", "m2")
    assert isinstance(damage, Damage)


def test_a_torn_file_keeps_the_messages_before_the_tear():
    text = json.dumps({**V2, "conversation": {"id": "s1", "messages": [HI, HELLO] * 3}}, indent=2)
    for cut in range(0, len(text), 13):
        pieces = list(magellai.read(Source(text[:cut])))
        told = [m.text for p in pieces if not isinstance(p, Damage) for m in p.messages]
        whole = sum(text[:cut].count(f'"content": "{said}",') for said in ("Hi", "Hello"))
        assert len(told) >= whole - 1
        assert any(isinstance(piece, Damage) for piece in pieces) or not text[:cut].strip()


def test_behind_a_broken_message_the_others_are_found():
    text = json.dumps(V1 | {"messages": [HI, HELLO, {**HI, "id": "m3"}]}).replace('"Hello"', '"Hel"lo"')
    pieces = list(magellai.read(Source(text)))
    (found,) = [piece for piece in pieces if not isinstance(piece, Damage)]
    assert len(pieces) > 1
    assert [message.id for message in found.messages] == ["m1", "m3"]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2025-05-20 21:22:25.123456789 -0700 PDT m=+0.012345", MOMENT),
        ("2025-05-20 21:22:25.123456789 -0700 -0700", MOMENT),
        (WHEN, MOMENT),
        ("2025-05-21 04:22:25.123456+00:00", MOMENT),
        ("0001-01-01T00:00:00Z", None),
        ("0001-01-01 00:00:00 +0000 UTC", None),
        ("yesterday", None),
        (None, None),
    ],
)
def test_times_of_go(text, moment):
    assert go_time(text) == moment


SCHEMA = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL, name TEXT, config TEXT,
  created TIMESTAMP, updated TIMESTAMP, metadata TEXT, conversation_id TEXT, tags TEXT);
CREATE TABLE conversations (id TEXT PRIMARY KEY, user_id TEXT, model TEXT, provider TEXT,
  temperature REAL, max_tokens INTEGER, system_prompt TEXT, created TIMESTAMP, updated TIMESTAMP,
  metadata TEXT);
CREATE TABLE messages (id TEXT PRIMARY KEY, conversation_id TEXT, user_id TEXT, role TEXT,
  content TEXT, timestamp TIMESTAMP, attachments TEXT, metadata TEXT, position INTEGER);
CREATE TABLE tags (session_id TEXT, user_id TEXT, tag TEXT);
"""
OLDER = """
CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id TEXT, name TEXT, config TEXT, created TIMESTAMP,
  updated TIMESTAMP, metadata TEXT, model TEXT, provider TEXT, temperature REAL, max_tokens INTEGER,
  system_prompt TEXT, tags TEXT);
CREATE TABLE messages (id TEXT PRIMARY KEY, session_id TEXT, user_id TEXT, role TEXT, content TEXT,
  timestamp TIMESTAMP, attachments TEXT, metadata TEXT, position INTEGER);
"""
GO = "2025-05-20 21:22:25.123456789 -0700 PDT m=+0.012345"


def test_the_database_is_read_in_the_order_of_positions(tmp_path):
    rows = [
        ("sessions", ("s1", "u", "Talk", "null", GO, GO, "null", "k1", "x,y")),
        ("conversations", ("k1", "u", "m", "openai", 0.5, 100, "Brief", GO, GO, '{"a": 1}')),
        ("messages", ("m2", "k1", "u", "assistant", "Hello", GO, "null", "null", 1)),
        ("messages", ("m1", "k1", "u", "user", "Hi", GO, '[{"type":"file","url":"u"}]', "null", 0)),
        ("messages", ("m9", "k1", "other", "user", "Not mine", GO, "null", "null", 2)),
        ("tags", ("s1", "u", "z")),
    ]
    path = built(tmp_path / "m.db", SCHEMA, rows)
    assert detected(head_of(path), "m.db") is magellai
    (found,) = conversations(magellai, Source.at(path))
    assert [(m.id, m.text, m.created_at) for m in messages(found)] == [
        ("m1", "Hi", MOMENT), ("m2", "Hello", MOMENT),
    ]  # fmt: skip
    assert found.attributes["tags"] == ["z"]
    assert (found.attributes["provider"], found.attributes["system_prompt"]) == ("openai", "Brief")
    assert found.attributes["metadata"]["max_tokens"] == 100
    assert found.attributes["metadata"]["magellai"]["conversation_id"] == "k1"


def test_the_older_schema_holds_it_all_in_the_session(tmp_path):
    rows = [
        ("sessions", ("s1", "u", "Talk", None, GO, GO, None, "m", "openai", 0.5, 0, "Brief", "x,y")),
        ("messages", ("m1", "s1", "u", "user", "Hi", GO, None, None, 0)),
    ]
    path = built(tmp_path / "m.db", OLDER, rows)
    assert detected(head_of(path), "m.db") is magellai
    (found,) = conversations(magellai, Source(path.read_bytes(), "m.db"))
    assert [m.text for m in messages(found)] == ["Hi"]
    assert found.attributes["tags"] == ["x", "y"]
    assert found.attributes["model"] == "m"


def test_orphans_are_reported_and_their_messages_kept(tmp_path):
    rows = [
        ("messages", ("m1", "k9", "u", "user", "Hi", GO, None, None, 0)),
        ("tags", ("s9", "u", "lost")),
    ]
    pieces = list(magellai.read(Source.at(built(tmp_path / "m.db", SCHEMA, rows))))
    assert [isinstance(piece, Damage) for piece in pieces] == [True, True, False]
    assert [message.text for message in pieces[2].messages] == ["Hi"]


@pytest.mark.parametrize(
    "document",
    [
        {"id": "x", "messages": [{"role": "user", "content": "Hi"}]},
        {"messages": [{"role": "user", "content": "Hi"}], "created": 1700000000},
        [{"id": "x", "title": "t", "messages": []}],
        {"session_id": "x", "messages": []},
    ],
)
def test_files_of_others_are_left_to_them(document):
    head = json.dumps(document).encode()
    assert magellai.detect(head, "x.json") == 0
