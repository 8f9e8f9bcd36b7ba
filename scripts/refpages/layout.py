"""docs/reference/file-layout.md: what lies on the disk."""

from __future__ import annotations

import inspect
import re
import textwrap
from types import ModuleType

from recollect import codec, records
from recollect.backends import files
from recollect.backends.filestore import lines, names
from recollect.backends.sql import schema
from recollect.transfer.moving import archive

from . import source
from .writing import block, page

VIEW = re.compile(r"CREATE VIEW (\w+) AS\nSELECT .*?;\n", re.S)


def layout() -> str:
    """The page."""
    return page(
        "File layout",
        "For those who look into a store with other tools, or repair one. Programs should use"
        " [the API](api.md); the tables can change with a new schema version, the views stay.",
        "## Record bodies",
        _doc(codec),
        _doc(records),
        "## SQLite",
        "`chats.db` is the database (WAL mode; `chats.db-wal` and `chats.db-shm` belong to it while it is"
        " open), `chats.db.lock` an empty file that writers lock. Copy or move them together, or use"
        " [a backup](../howto/back-up.md).",
        _doc(schema),
        "### Views",
        "`messages_v` has one row a message, of every branch and of the past too; `sessions_v` one row a"
        " session. See [reading the file with other tools](../howto/read-the-file-with-other-tools.md).",
        block(_columns(), "text"),
        "### Tables",
        block(_tables(), "sql"),
        "## Folders of JSON lines",
        _doc(files),
        _doc(lines),
        _doc(names),
        "## Backups",
        _doc(archive),
    )


def _doc(module: ModuleType) -> str:
    return source.markdown(inspect.cleandoc(module.__doc__ or ""))


def _tables() -> str:
    pieces = VIEW.sub("", schema.SCHEMA).strip("\n").split("\n\n")
    return "\n\n".join(textwrap.dedent(piece).strip("\n") for piece in pieces)


def _columns() -> str:
    """The views with their columns, as SQLite names them."""
    import apsw

    conn = apsw.Connection(":memory:")
    try:
        conn.execute(schema.SCHEMA)
        views = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")]
        rows = [
            f"{view}({', '.join(row[1] for row in conn.execute(f'PRAGMA table_info({view})'))})"
            for view in views
        ]
    finally:
        conn.close()
    return "\n".join(rows)
