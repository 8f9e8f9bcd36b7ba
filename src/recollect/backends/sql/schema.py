"""The tables of a SQLite store: one truth, and the numbered steps that lead to it.

``SCHEMA`` is what version ``VERSION`` looks like; a new file runs it as it is. ``MIGRATIONS[n]`` leads
from version n to n + 1; a test checks that the steps, from the oldest on, sum to ``SCHEMA``. Each
step runs in a transaction of its own together with the new ``PRAGMA user_version``.

A record's key is ``sid << 32 | seq``: a session's log is one range of the table. Indexes on columns
that every append changes cost one WAL page per append each; the list is closed: ``updated_at``, and
``cost`` where there is one. That is why the ids of new messages wait in ``text_pending``, beside the
texts, and come to ``message_ids`` behind the commits.
"""

from __future__ import annotations

from collections.abc import Mapping

import apsw

from ...errors import UnsupportedError
from .text import TextIndex

__all__ = ["APPLICATION_ID", "MIGRATIONS", "SCHEMA", "SIDECAR", "VERSION", "migrate", "version_of"]

VERSION = 1
APPLICATION_ID = 0x7265636F
"""``reco``: marks a file as ours, also for ``file`` (1)."""

_META = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
"""

_SESSIONS = """
CREATE TABLE sessions (
    sid INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    session_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    cost INTEGER,
    message_count INTEGER NOT NULL,
    pinned INTEGER NOT NULL,
    provider TEXT,
    model TEXT,
    name TEXT,
    forked_from TEXT,
    expires_at INTEGER,
    deleted_at INTEGER,
    labels BLOB,
    body BLOB NOT NULL,
    UNIQUE (namespace, session_id)
) STRICT;
CREATE INDEX sessions_newest ON sessions (namespace, updated_at, session_id) WHERE deleted_at IS NULL;
CREATE INDEX sessions_trash ON sessions (namespace, updated_at, session_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX sessions_created ON sessions (namespace, created_at);
CREATE INDEX sessions_cost ON sessions (namespace, cost) WHERE cost IS NOT NULL;
CREATE INDEX sessions_expiry ON sessions (namespace, expires_at) WHERE expires_at IS NOT NULL;
CREATE INDEX sessions_forks ON sessions (namespace, forked_from) WHERE forked_from IS NOT NULL;
CREATE INDEX sessions_pinned ON sessions (namespace) WHERE pinned = 1;

CREATE TABLE tags (namespace TEXT, tag TEXT, sid INTEGER, PRIMARY KEY (namespace, tag, sid))
    STRICT, WITHOUT ROWID;
CREATE INDEX tags_sid ON tags (sid);

CREATE TABLE metadata (
    namespace TEXT, path TEXT, value TEXT, sid INTEGER, PRIMARY KEY (namespace, path, value, sid)
) STRICT, WITHOUT ROWID;
CREATE INDEX metadata_sid ON metadata (sid);
"""

_RECORDS = """
CREATE TABLE records (
    rid INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    at INTEGER NOT NULL,
    role INTEGER NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE TABLE message_ids (sid INTEGER, id BLOB, seq INTEGER, PRIMARY KEY (sid, id, seq))
    STRICT, WITHOUT ROWID;
CREATE INDEX records_marks ON records (kind) WHERE kind != 1;

CREATE TABLE blobs (
    id INTEGER PRIMARY KEY, sid INTEGER NOT NULL, digest BLOB NOT NULL, content BLOB NOT NULL,
    UNIQUE (sid, digest)
) STRICT;
"""

_SIDECAR_RECORDS = """
CREATE TABLE records (
    rid INTEGER PRIMARY KEY,
    kind INTEGER NOT NULL,
    parent INTEGER NOT NULL,
    message_id BLOB NOT NULL,
    at INTEGER NOT NULL,
    role INTEGER NOT NULL
) STRICT;
"""


def _moment(column: str) -> str:
    """SQL for RFC 3339 in UTC with six digits; the modulo keeps times before 1970 right."""
    rest = f"(({column} % 1000000 + 1000000) % 1000000)"
    return (
        f"strftime('%Y-%m-%dT%H:%M:%S', ({column} - {rest}) / 1000000, 'unixepoch')"
        f" || printf('.%06dZ', {rest})"
    )


def _field(body: str, path: str) -> str:
    """SQL for a value inside a body, NULL where the body is no JSON (sealed, compressed)."""
    return f"CASE WHEN substr({body}, 1, 1) = x'7b' THEN json_extract(CAST({body} AS TEXT), '{path}') END"


# For people with any SQLite tool; the library itself never reads through them.
_VIEWS = f"""
CREATE VIEW messages_v AS
SELECT s.namespace, s.session_id, r.rid & 4294967295 AS seq, r.parent AS parent_seq,
    CASE r.role WHEN 1 THEN 'system' WHEN 2 THEN 'developer' WHEN 3 THEN 'user'
        WHEN 4 THEN 'assistant' WHEN 5 THEN 'tool' END AS role,
    {_moment("r.at")} AS created_at,
    {_field("r.body", "$.id")} AS message_id,
    {_field("r.body", "$.model")} AS model,
    CASE WHEN substr(r.body, 1, 1) = x'7b' THEN (
        SELECT group_concat(json_extract(p.value, '$.content'), char(10))
        FROM json_each(CAST(r.body AS TEXT), '$.parts') AS p
        WHERE json_extract(p.value, '$.type') = 'text'
    ) END AS text,
    CASE WHEN substr(r.body, 1, 1) = x'7b' THEN CAST(r.body AS TEXT) END AS json
FROM records AS r JOIN sessions AS s ON s.sid = r.rid >> 32
WHERE r.kind = 1;

CREATE VIEW sessions_v AS
SELECT s.namespace, s.session_id, s.version,
    {_field("s.body", "$.info.name")} AS name,
    s.provider, s.model, s.message_count, s.cost / 1e9 AS cost_usd,
    (SELECT json_group_array(t.tag) FROM tags AS t WHERE t.sid = s.sid) AS tags,
    {_field("s.body", "$.info.metadata")} AS metadata,
    {_field("s.body", "$.info.preview")} AS preview,
    {_field("s.body", "$.info.summary")} AS summary,
    s.pinned, s.forked_from,
    {_moment("s.created_at")} AS created_at,
    {_moment("s.updated_at")} AS updated_at,
    {_moment("s.expires_at")} AS expires_at,
    {_moment("s.deleted_at")} AS deleted_at
FROM sessions AS s;
"""

SCHEMA: str = _META + _SESSIONS + _RECORDS + TextIndex.SCHEMA + _VIEWS

SIDECAR: str = _META + _SESSIONS + _SIDECAR_RECORDS + TextIndex.SCHEMA
"""Session rows and texts without logs: what an engine that keeps its logs elsewhere derives from them."""

MIGRATIONS: Mapping[int, str] = {}
"""Version n to the statements that lead to n + 1. Before VERSION is raised, SCHEMA as it is released
becomes a frozen text in the tests, so that the sum can be checked."""


def version_of(conn: apsw.Connection, where: str) -> int:
    """The version of the tables behind ``conn``, 0 in an empty file. Writes nothing.

    UnsupportedError when they are newer than this code, or another program's.
    """
    version: int = conn.pragma("user_version")
    mark: int = conn.pragma("application_id")
    if mark == APPLICATION_ID:
        if version > VERSION:
            raise UnsupportedError(
                f"{where} has the tables of a newer recollect (version {version}; this one knows {VERSION}).",
                hint="Upgrade recollect: pip install -U recollect.",
            )
        return version
    if mark or version or conn.execute("SELECT 1 FROM sqlite_schema LIMIT 1").get:
        raise UnsupportedError(f"{where} is the database of another program.", hint="Choose another file.")
    return 0


def migrate(conn: apsw.Connection, version: int) -> None:
    """Lead the tables from ``version`` to VERSION. Call while holding the store's lock."""
    while version < VERSION:
        steps, version = (MIGRATIONS[version], version + 1) if version else (SCHEMA, VERSION)
        with conn:
            conn.execute(steps)
            conn.pragma("application_id", APPLICATION_ID)
            conn.pragma("user_version", version)
