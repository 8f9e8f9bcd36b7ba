"""SQLite files of other programs, opened for reading only, whatever state they are in.

Nothing is ever written beside the file: where SQLite itself would have to (a write-ahead log without
its index, a journal to roll back), a private copy is opened instead.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from weakref import finalize

from .base import Damage, Source
from .sqlite_opening import note_logs, open_copy, open_file, spooled
from .sqlite_salvage import Salvage

MAGIC = b"SQLite format 3\0"
_CREATED = re.compile(rb"CREATE TABLE\s+[\"'`\[]?([A-Za-z_][A-Za-z0-9_]*)[\"'`\]]?\s*\(")

Row = dict[str, Any]
"""Column → text, int, float, bytes or None; columns that a table does not have are None."""


class Unreadable(Exception):
    """The file, or what was asked for, cannot be read; the text says why."""


@lru_cache(maxsize=2)
def tables_in(head: bytes) -> dict[str, bytes]:
    """The tables whose definitions lie in a file's first bytes, with the text of these, in lower case.

    Empty for what is no SQLite file, and where the schema lies further back or in a write-ahead log.
    """
    if not head.startswith(MAGIC):
        return {}
    found = list(_CREATED.finditer(head))
    ends = [match.start() for match in found[1:]] + [len(head)]
    return {
        match[1].decode().lower(): head[match.end() : min(end, match.end() + 4000)].lower()
        for match, end in zip(found, ends, strict=False)
    }


def defines(definition: bytes | None, *columns: str) -> bool:
    """Whether a table's definition names all of these columns."""
    if definition is None:
        return False
    words = set(re.findall(rb"[a-z_][a-z0-9_]*", definition))
    return all(column.encode() in words for column in columns)


class Database:
    """An open SQLite file. Tables and columns are named in lower case."""

    def __init__(self, source: Source) -> None:
        import apsw  # the driver is loaded only where a database is read

        self._errors = (apsw.Error, UnicodeError)
        self.trouble: dict[str, None] = {}
        """What was damaged beside the messages, each reason once."""
        self._grouped: dict[tuple[str, str], str | None] = {}
        path = source.path
        try:
            if path is not None and path.is_file():
                self._connection = open_file(apsw, path)
                note_logs(source, path)
            else:
                self._connection = open_copy(apsw, spooled(source))
            self._prepare()
        except (apsw.Error, OSError, UnicodeError) as error:
            raise Unreadable(f"the database cannot be opened: {_reason(error)}") from error

    def _prepare(self) -> None:
        connection = self._connection
        for pragma in ("trusted_schema = 0", "cell_size_check = 1", "query_only = 1"):
            connection.execute(f"PRAGMA {pragma}")
        encoding = str(connection.execute("PRAGMA encoding").get)
        self._encoding = encoding.lower() if encoding.lower().startswith("utf-16") else "utf-8"
        self._schema: dict[str, frozenset[str]] = {}
        self._ordered: set[str] = set()
        query = r"SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
        for name, keyed in connection.execute(query).fetchall():
            if name.startswith("sqlite_"):
                continue
            columns = connection.execute("SELECT name FROM pragma_table_info(?)", (name,)).fetchall()
            self._schema[name.lower()] = frozenset(column.lower() for (column,) in columns)
            if not keyed:
                self._ordered.add(name.lower())

    @property
    def tables(self) -> dict[str, frozenset[str]]:
        """The tables, with their columns; views and virtual tables are left out."""
        return self._schema

    def definitions(self) -> bytes:
        """The statements that made the tables; none where the schema is damaged."""
        query = "SELECT sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL"
        try:
            found = [str(sql) for (sql,) in self._connection.execute(query)]
        except self._errors:
            return b""
        return "\n".join(found).encode("utf-8", "replace")

    def has(self, table: str, *columns: str) -> bool:
        """Whether there is such a table with all of these columns."""
        found = self._schema.get(table)
        return found is not None and found.issuperset(columns)

    def rows(
        self,
        table: str,
        columns: tuple[str, ...],
        *,
        key: tuple[str, Any] | None = None,
        order: tuple[str, ...] = (),
    ) -> Iterator[Row]:
        """A table's rows, those alone whose column ``key[0]`` is ``key[1]``, one at a time.

        Without a table there are none; ordered by those of the columns that exist, then by row id.
        Raises Unreadable at the first damaged page.
        """
        known = self._schema.get(table)
        if known is None or (key is not None and key[0] not in known):
            return
        present = [column for column in columns if column in known]
        wanted = ", ".join(
            f"CASE typeof(t.{_quoted(c)}) WHEN 'text' THEN 1 ELSE 0 END, "
            f"CASE typeof(t.{_quoted(c)}) WHEN 'text' THEN CAST(t.{_quoted(c)} AS BLOB)"
            f" ELSE t.{_quoted(c)} END"
            for c in present
        )
        query = f"SELECT {wanted or '1, 1'} FROM {_quoted(table)} AS t"
        if key is not None:
            query += f" WHERE {self._condition(table, key[0])}"
        by = [f"t.{_quoted(column)}" for column in order if column in known]
        if table in self._ordered:
            by.append("t.rowid")
        query += f" ORDER BY {', '.join(by)}" if by else ""
        by_row_id = table in self._ordered
        query = query.replace("SELECT ", f"SELECT {'t.rowid' if by_row_id else 'NULL'}, ", 1)
        seen: set[int] = set()
        last = -(1 << 62)
        try:
            for values in self._connection.execute(query, () if key is None else (key[1],)):
                if by_row_id and (values[0] in seen or values[0] <= last):
                    continue  # a tangle of damaged pages gives rows twice
                if len(by) > 1:
                    seen.add(values[0])
                elif by_row_id:
                    last = values[0]
                yield self._row(columns, present, values)
        except self._errors as error:
            if by_row_id:
                found = self._found(table, key, last)
                one = f"SELECT t.rowid, {wanted or '1, 1'} FROM {_quoted(table)} AS t WHERE t.rowid = ?"
                for row_id in found:
                    values = None if row_id in seen else self._fetched(one, row_id)
                    if values is not None:
                        yield self._row(columns, present, values)
            raise Unreadable(f"table {table}: {_reason(error)}") from error

    def _row(self, columns: tuple[str, ...], present: list[str], values: tuple[Any, ...]) -> Row:
        row: Row = dict.fromkeys(columns)
        for i, column in enumerate(present):
            value = values[2 * i + 2]
            row[column] = self._text(value) if values[2 * i + 1] else value
        return row

    def _found(self, table: str, key: tuple[str, Any] | None, after: int) -> Iterator[int]:
        """The row ids of a damaged table, those of a key alone."""
        column = None if key is None else f"{_quoted(key[0])} IS {_literal(key[1])}"
        for row_id, fits in Salvage(self._connection, self._errors, _quoted(table)).scan(column, after):
            if key is None or fits:
                yield row_id

    def _fetched(self, query: str, row_id: int) -> tuple[Any, ...] | None:
        try:
            values: tuple[Any, ...] | None = self._connection.execute(query, (row_id,)).fetchone()
        except self._errors:
            return None  # one of its pages is damaged; the table's damage is reported
        return values

    def one(self, table: str, columns: tuple[str, ...], key: tuple[str, Any]) -> Row | None:
        """The first row whose column ``key[0]`` is ``key[1]``. Raises Unreadable."""
        return next(self.rows(table, columns, key=key), None)

    def beside(
        self, table: str, columns: tuple[str, ...], key: tuple[str, Any], order: tuple[str, ...] = ()
    ) -> list[Row]:
        """The rows of what only adds to a message: damage is noted in ``trouble`` and costs no more."""
        found: list[Row] = []
        try:
            found.extend(self.rows(table, columns, key=key, order=order))
        except Unreadable as error:
            self.trouble.setdefault(str(error), None)
        return found

    def groups(self, table: str, column: str) -> Iterator[Any]:
        """The different values of a column, in the order in which they first stand in the table.
        Raises Unreadable."""
        seen: set[Any] = set()
        for row in self.rows(table, (column,)):
            value = row[column]
            if value not in seen and self.has(table, column):
                seen.add(value)
                yield value

    def _condition(self, table: str, column: str) -> str:
        """What finds a key's rows without reading the whole table each time: where no index of the
        file helps, a temporary one, beside the connection, not the file."""
        if (table, column) not in self._grouped:
            self._grouped[table, column] = self._index(table, column)
        index = self._grouped[table, column]
        direct = f"t.{_quoted(column)} IS ?"
        return direct if index is None else f"t.rowid IN (SELECT r FROM temp.{index} WHERE k IS ?)"

    def _index(self, table: str, column: str) -> str | None:
        connection, name, of = self._connection, f"keys_{len(self._grouped)}", _quoted(table)
        try:
            plan = connection.execute(
                f"EXPLAIN QUERY PLAN SELECT 1 FROM {of} AS t WHERE t.{_quoted(column)} IS ?", (None,)
            ).fetchall()
            if any("SEARCH" in str(step[3]) for step in plan):
                return None
            connection.execute("PRAGMA query_only = 0")
            connection.execute(f"CREATE TEMP TABLE {name}(k, r)")
            connection.execute(f"INSERT INTO temp.{name} SELECT {_quoted(column)}, rowid FROM main.{of}")
            connection.execute(f"CREATE INDEX temp.{name}_k ON {name}(k, r)")
        except self._errors:
            return None  # a damaged table, or one without row ids: its rows are looked for one by one
        finally:
            connection.execute("PRAGMA query_only = 1")
        return name

    def _text(self, raw: bytes) -> str:
        try:
            return raw.decode(self._encoding)
        except UnicodeDecodeError:
            pass  # bytes that are no text are kept as lone surrogates rather than lost
        try:
            return raw.decode(self._encoding, "surrogatepass")
        except UnicodeDecodeError:
            errors = "surrogateescape" if self._encoding == "utf-8" else "replace"
            return raw.decode(self._encoding, errors)


class _Rejoined:
    """A source whose first bytes were looked at and are given out again."""

    def __init__(self, first: bytes, source: Source) -> None:
        self._first = first
        self._source = source
        self.name, self.label, self.path = source.name, source.label, source.path
        self.modified, self.beside = source.modified, source.beside

    def read(self, size: int) -> bytes:
        """Up to ``size`` more bytes."""
        if not self._first:
            return self._source.read(size)
        piece, self._first = self._first[:size], self._first[size:]
        return piece


def is_database(source: Source) -> tuple[bool, Source]:
    """Whether the source begins as SQLite files do, and the same source, still at its beginning."""
    first = source.read(len(MAGIC))
    return first == MAGIC, _Rejoined(first, source)


def schema_of(source: Source) -> tuple[bytes, Source]:
    """The definitions of a database's tables, wherever they stand in it or in its log, as ``tables_in``
    finds them; and the source, still at its beginning."""
    if source.path is None:
        source = _Spooled(source)
    try:
        database = Database(source)
    except Unreadable:
        return b"", source  # what is wrong is told by the format that reads it
    return database.definitions(), source


class _Spooled:
    """A database that came as a stream, on disk for as long as this lives."""

    def __init__(self, source: Source) -> None:
        folder = spooled(source)
        finalize(self, folder.cleanup)
        self.name, self.label, self.modified = source.name, source.label, source.modified
        self.beside = None  # what is of use was taken along
        self.path = Path(folder.name) / "copy"
        self._file = self.path.open("rb")
        finalize(self, self._file.close)

    def read(self, size: int) -> bytes:
        """Up to ``size`` more bytes."""
        return self._file.read(size)


def opened(source: Source, what: str, *needed: str) -> Database | Damage:
    """The file as a database in which at least one of the tables ``needed`` is, else what is wrong."""
    try:
        database = Database(source)
    except Unreadable as error:
        return Damage(0, str(error))
    if needed and not any(table in database.tables for table in needed):
        return Damage(0, f"the database holds no tables of {what}")
    return database


def _literal(value: Any) -> str:
    """A key as SQL says it; text as its bytes, since a quotation mark or a NUL may be in it."""
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    return f"CAST(x'{value.encode('utf-8', 'surrogatepass').hex()}' AS TEXT)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: Exception) -> str:
    """Why, without the text that a driver may quote."""
    if isinstance(error, UnicodeError):
        return "a name in it is no text"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return {
        "NotADBError": "this is no SQLite database",
        "CorruptError": "it is damaged",
        "FullError": "there is no room for a copy",
        "BusyError": "another program keeps it locked",
    }.get(type(error).__name__, type(error).__name__)
