"""Databases whose format shows only inside of them, and what SQLite keeps beside them."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import apsw
import pytest

from recollect import Store, formats
from recollect.formats import base, openai_agents

from .format_sources import Source
from .sqlite_files import built

SCHEMA = """CREATE TABLE agent_messages (id INTEGER PRIMARY KEY, session_id TEXT, message_data TEXT,
created_at); CREATE TABLE agent_sessions (session_id TEXT PRIMARY KEY, created_at, updated_at);"""
MESSAGE = json.dumps({"role": "user", "content": "Where is the ferry?"})


@pytest.fixture
def late(tmp_path: Path) -> Path:
    """A database whose tables are defined behind a large one that says nothing."""
    filler = "".join(f"CREATE TABLE filler_{n} (a TEXT /* {'x' * 3000} */);" for n in range(60))
    path = built(tmp_path / "late.db", filler + SCHEMA)
    connection = apsw.Connection(str(path))
    connection.execute("INSERT INTO agent_sessions VALUES ('s', '2025-01-02', '2025-01-02')")
    connection.execute("INSERT INTO agent_messages VALUES (1, 's', ?, '2025-01-02')", (MESSAGE,))
    connection.close()
    head = path.read_bytes()[: base.HEAD_BYTES]
    assert formats.detected(head, path.name) is None
    return path


def test_the_schema_may_lie_anywhere(late: Path) -> None:
    for source in (Source.at(late), Source(late.read_bytes(), late.name)):
        found, opened = formats.detected_in(late.read_bytes()[: base.HEAD_BYTES], source)
        assert found is openai_agents
        (conversation,) = found.read(opened)
        assert [message.text for message in conversation.messages] == ["Where is the ferry?"]


@pytest.mark.parametrize("packed", [False, True])
def test_it_is_imported_and_given_back(late: Path, tmp_path: Path, packed: bool) -> None:
    path = late
    if packed:
        path = tmp_path / "a.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(late, "late.db")
    with Store("memory:") as store:
        result = store.import_(path)
        assert (result.messages, result.damaged) == (1, [])
        (session_id,) = result.sessions
        assert store.export(session_id, format="native") == late.read_bytes()
        assert store.import_(path).messages == 0


def test_a_stream_is_found_too(late: Path) -> None:
    with Store("memory:") as store:
        assert store.import_(io.BytesIO(late.read_bytes())).messages == 1


def test_other_databases_are_none_of_ours(tmp_path: Path) -> None:
    path = built(tmp_path / "x.db", "CREATE TABLE birds (name TEXT)")
    whole = path.read_bytes()
    for data in (whole, whole[:50], whole[:3000], b"SQLite format 3\0"):
        assert formats.detected_in(data, Source(data, "x.db"))[0] is None


def test_the_log_beside_is_a_part_of_the_source(tmp_path: Path) -> None:
    folder = tmp_path / "live"
    folder.mkdir()
    path = folder / "agents.db"
    live = apsw.Connection(str(path))
    live.execute("PRAGMA journal_mode = wal; PRAGMA wal_autocheckpoint = 0")
    live.execute(SCHEMA)
    live.execute("INSERT INTO agent_sessions VALUES ('s', '2025-01-02', '2025-01-02')")
    live.execute("INSERT INTO agent_messages VALUES (1, 's', ?, '2025-01-02')", (MESSAGE,))
    log = Path(f"{path}-wal").read_bytes()
    with Store("memory:") as store:
        (session_id,) = store.import_(path).sessions
        store.export_all(tmp_path / "out", format="native")
        assert store.export(session_id, format="native") == path.read_bytes()
    live.close()
    (kept,) = (tmp_path / "out").rglob("agents.db-wal")
    assert kept.read_bytes() == log
