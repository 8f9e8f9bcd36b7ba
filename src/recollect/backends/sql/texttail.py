"""The waiting texts as a searchable table of the connection's own."""

from __future__ import annotations

from typing import Any, NamedTuple

import apsw

__all__ = ["TAIL", "State", "fill_tail", "read_state"]

TAIL = "text_tail"


class State(NamedTuple):
    """What a search has to know first."""

    partial: bool
    """Texts are being handed over again."""
    waiting: int
    generation: int


def indexed_form(text: str) -> str:
    """The text as it is indexed; the tables for other scripts are loaded when one is met."""
    if text.isascii():
        return text
    from ...index.tokens import normalise

    return normalise(text)


def read_state(conn: apsw.Connection) -> State:
    """How things stand with the index."""
    found: Any = conn.execute(
        "SELECT (SELECT 1 FROM text_state WHERE name = 'partial'), (SELECT count(*) FROM text_pending),"
        " (SELECT value FROM text_state WHERE name = 'generation')"
    ).fetchone()
    return State(found[0] == 1, found[1], found[2] or 0)


def fill_tail(conn: apsw.Connection, state: State) -> bool:
    """Bring the table up to date with ``text_pending``; False when nothing waits.

    It keeps what earlier searches put there. Rows that no longer wait stay for a while: searches
    join the two. What a number stands for changes only with the index's generation.
    """
    waiting, generation = state.waiting, state.generation
    held = 0
    if conn.execute(f"SELECT EXISTS (SELECT 1 FROM temp.sqlite_master WHERE name = '{TAIL}')").get:
        held = conn.execute(f"SELECT count(*) FROM temp.{TAIL}_docsize").get
        if (
            held > 2 * waiting + 1000
            or waiting == 0
            or conn.execute("PRAGMA temp.user_version").get != generation
        ):
            conn.execute(f"DROP TABLE temp.{TAIL}")
            held = 0
    if waiting == 0:
        return False
    if held == 0:
        conn.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{TAIL} USING fts5(text, reasoning, tool,"
            " content='', contentless_delete=1, tokenize='ascii')"
        )
        conn.execute(f"PRAGMA temp.user_version = {generation:d}")
    missing: list[Any] = conn.execute(
        "SELECT n, text, reasoning, tool FROM text_pending"
        f" WHERE n NOT IN (SELECT id FROM temp.{TAIL}_docsize)"
    ).fetchall()
    if missing:
        conn.executemany(
            f"INSERT INTO temp.{TAIL}(rowid, text, reasoning, tool) VALUES (?, ?, ?, ?)",
            [(n, *(indexed_form(text) if text else None for text in texts)) for n, *texts in missing],
        )
    return True
