"""llm's older tables: one row of ``responses`` is a prompt and its answer."""

from __future__ import annotations

from collections.abc import Container, Iterator

from ..model import Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from .base import derived_uuid
from .llm_logs_parts import (
    FIGURES,
    KEPT,
    attached,
    figures_of,
    fragment_text,
    fragments_named,
    schema_of,
    tools_of,
    usage_of,
)
from .sqlitefile import Database, Row
from .stored_parts import as_text, id_of, json_of
from .times import from_iso
from .values import present

_COLUMNS = (*FIGURES, "prompt", "system", "response", "reasoning", "conversation_id")


def messages(db: Database, conversation_id: object, without: Container[str]) -> Iterator[Message]:
    """A conversation's messages in order, but for the responses ``without``."""
    system = ""
    for row in db.rows("responses", _COLUMNS, key=("conversation_id", conversation_id), order=("id",)):
        if as_text(row["id"]) not in without:
            reader = _Response(db, row)
            if reader.system and reader.system != system:
                system = reader.system
                yield reader.message("system", "system", (TextPart(system),))
            yield from reader.messages()


def alone(db: Database, response_id: object) -> Iterator[Message]:
    """The messages of a response that belongs to no conversation."""
    for row in db.rows("responses", _COLUMNS, key=("id", response_id)):
        reader = _Response(db, row)
        if reader.system:
            yield reader.message("system", "system", (TextPart(reader.system),))
        yield from reader.messages()


class _Response:
    """One row of ``responses`` with what hangs on it."""

    def __init__(self, db: Database, row: Row) -> None:
        self._db = db
        self._row = row
        self._id = row["id"]
        self._fragments = self._linked("prompt_fragments", "fragment_id")
        system = [fragment_text(db, i).strip() for i in self._linked("system_fragments", "fragment_id")]
        system.append(as_text(row["system"]).strip())
        self.system = "\n\n".join([text for text in system if text])

    def _linked(self, table: str, column: str) -> list[object]:
        rows = self._db.beside(table, (column,), ("response_id", self._id), ("order",))
        return [row[column] for row in rows]

    def message(self, kind: str, role: str, parts: tuple[Part, ...], **fields: object) -> Message:
        """A message that this response holds; ``kind`` tells apart those of one response."""
        message_id = derived_uuid(b"llm\0", as_text(self._id).encode("utf-8", "surrogatepass"), kind.encode())
        created = from_iso(self._row["datetime_utc"])
        return Message(message_id, None, role, parts, created, **fields)  # type: ignore[arg-type]  # own literals

    def messages(self) -> Iterator[Message]:
        """Results of the tools that were called before, the prompt, the answer."""
        count = 0
        for count, parts in enumerate(self._results(), 1):
            yield self.message(f"result {count}", "tool", parts)
        prompt = self._prompt()
        if prompt or not count:
            named = fragments_named(self._db, self._fragments)
            metadata = {KEPT: {"fragments": named}} if named else None
            yield self.message("prompt", "user", prompt, metadata=metadata)
        row = self._row
        tools = tools_of(self._db, "tool_responses", "response_id", self._id)
        own = figures_of(row, schema=schema_of(self._db, row), tools=tools)
        own["response_id"] = as_text(self._id)
        yield self.message(
            "response",
            "assistant",
            tuple(self._answer()),
            model=id_of(row["model"]),
            usage=usage_of(row),
            metadata={KEPT: own},
        )

    def _prompt(self) -> tuple[Part, ...]:
        texts = [fragment_text(self._db, i) for i in self._fragments]
        prompt = as_text(self._row["prompt"])
        if prompt:
            texts.append(prompt)
        parts: list[Part] = [TextPart("\n".join(texts))] if texts else []
        parts.extend(attached(self._db, i) for i in self._linked("prompt_attachments", "attachment_id"))
        return tuple(parts)

    def _answer(self) -> Iterator[Part]:
        row = self._row
        if row["reasoning"]:
            yield ReasoningPart(as_text(row["reasoning"]))
        if row["response"]:
            yield TextPart(as_text(row["response"]))
        columns = ("id", "name", "arguments", "tool_call_id")
        for call in self._db.beside("tool_calls", columns, ("response_id", self._id), ("id",)):
            arguments = json_of(call["arguments"])
            yield ToolCallPart(
                as_text(call["name"]),
                as_text(call["arguments"]) if arguments is None else arguments,
                id_of(call["tool_call_id"]),
            )

    def _results(self) -> Iterator[tuple[Part, ...]]:
        columns = ("id", "name", "output", "tool_call_id", "exception")
        for row in self._db.beside("tool_results", columns, ("response_id", self._id), ("id",)):
            exception = id_of(row["exception"])
            metadata = present(
                name=id_of(row["name"]), is_error=True if exception else None, exception=exception
            )
            files = self._db.beside(
                "tool_results_attachments", ("attachment_id",), ("tool_result_id", row["id"]), ("order",)
            )
            answer = ToolCallResponsePart(row["output"], id_of(row["tool_call_id"]), metadata or None)
            if isinstance(answer.response, bytes):
                answer = ToolCallResponsePart(as_text(row["output"]), answer.id, answer.metadata)
            yield (answer, *[attached(self._db, file["attachment_id"]) for file in files])
