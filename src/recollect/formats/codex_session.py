"""A Codex rollout folded into messages, record by record.

What belongs to a reply stands behind it: its usage behind the tools' answers, the note that the
person typed a message behind that message. So what came since the last reply began is held back
(``pending``) until the next one begins. A file that grew is read again from where the last reply
begins, with the ``State`` of that moment.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Literal

from msgspec import Struct, structs, to_builtins

from ..model import OtherPart, Part, Role, TextPart, ToolCallPart, ToolCallResponsePart, Usage
from .base import Damage, Mark, derived_uuid
from .codex_drafts import Draft, Totals
from .codex_items import call_part, content_parts, event_facts, image_part, output_parts, reasoning_part
from .codex_meta import Meta, read_meta
from .codex_records import Line, Payload, kind_and_payload
from .jsonstream import decode
from .messagespool import MessageSpool
from .recordlines import Record
from .times import from_iso
from .titles import one_line
from .values import dict_of, dicts_of, name_of, text_of

_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-")
_BURST = timedelta(seconds=1)
"""Copied records are written in one go; a pause as long as this ends them."""
_HELD = 16 << 20
_SPOKEN: dict[str, Role] = {"user": "user", "developer": "developer", "system": "system"}
_TOOL_ENDS = ("exec_command_end", "patch_apply_end", "mcp_tool_call_end")
_ITEM_ENDS = ("CommandExecution", "FileChange", "McpToolCall")
_TURN_EDGES = ("task_started", "task_complete", "turn_started", "turn_complete")


class State(Struct, kw_only=True):
    """What is known between two records."""

    meta: Meta | None = None
    past: Literal["unknown", "copied", "own"] = "unknown"
    """Whether the records here repeat the history of the session that this one was forked from."""
    copied: dict[str, int] = {}
    """How much of it there was."""
    model: str | None = None
    title: str | None = None
    first: str | None = None
    echoes: bool = False
    totals: Totals = Totals()
    carry: Usage | None = None
    """Spent by a reply that could not be held back long enough: counted on the next message."""
    records: int = 0
    """How many records there were, readable or not."""
    last: str | None = None
    """The id of the newest message that will not change."""


class Session:
    """Takes the records of a rollout in order and puts its messages into ``spool``."""

    def __init__(self, fallback_id: str | None, state: State | None = None) -> None:
        self.spool = MessageSpool()
        self.state = state or State()
        self._fallback_id = fallback_id
        self._pending: list[Draft | Damage] = []
        self._reply: Draft | None = None
        self._open = False
        self._held = 0
        self._typed: list[str] = []
        self._answers: dict[str, Draft] = {}
        self._unnamed: list[ToolCallPart] = []
        self._ends: dict[str, dict[str, Any]] = {}
        self._before: datetime | None = None
        self._again: tuple[int, State] | None = None

    @property
    def session_id(self) -> str | None:
        """The thread's own id."""
        return self.state.meta.id if self.state.meta else self._fallback_id

    def take(self, record: Record[Line]) -> None:
        """The next record."""
        self.state.records += 1
        kind, payload = kind_and_payload(record.value)
        if kind == "session_meta":
            self._meet(payload)
        elif self._is_copied(kind, record.value, payload):
            self._skip(kind, payload)
        elif kind == "response_item":
            self._item(record, payload)
        elif kind == "event_msg":
            self._event(record, payload)
        elif kind == "turn_context":
            self._open = False
            if isinstance(payload.model, str) and payload.model:
                self.state.model = payload.model
        elif kind == "compacted":
            self._compacted(record, payload)

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here."""
        self.state.records += 1
        self._pending.append(damage)

    def finish(self) -> None:
        """No more records come."""
        last = next((draft for draft in reversed(self._pending) if isinstance(draft, Draft)), None)
        if self.state.carry is not None and last is not None:
            last.spend(self.state.carry)
            self.state.carry = None
        self._flush()

    def mark(self) -> Mark | None:
        """Where the last reply began; None while there was none or nothing came before it."""
        if self._again is None:
            return None
        offset, state = self._again
        written = to_builtins(state)
        if written["meta"]:
            written["meta"]["system_prompt"] = None  # long, and it never changes
        return Mark(offset, written)

    # History of another session

    def _meet(self, payload: Payload) -> None:
        if self.state.meta is None:
            self.state.meta = read_meta(payload)
        elif self.state.past == "unknown" and isinstance(payload.id, str) and payload.id != self.session_id:
            self.state.past = "copied"
            if self.state.meta.parent is None:
                self.state.meta.parent, self.state.meta.relation = payload.id, "fork"

    def _is_copied(self, kind: str, line: Line, payload: Payload) -> bool:
        """Whether a record repeats the history of the session that this one was forked from.

        The copy ends with the first turn that began after the session itself (both have ids that
        begin with their time), or where the burst ends in which it was written.
        """
        state = self.state
        if state.past == "own":
            return False
        if kind == "turn_context" or (kind == "event_msg" and payload.type == "task_started"):
            turn, own_id = payload.turn_id, self.session_id or ""
            if isinstance(turn, str) and _UUID7.match(turn) and _UUID7.match(own_id):
                forked = state.past == "copied" or (state.meta is not None and state.meta.relation == "fork")
                state.past = "copied" if forked and turn < own_id else "own"
                return state.past == "copied"
        if state.past == "copied":
            at, before = from_iso(line.timestamp), self._before
            self._before = at or before
            if at and before and at - before >= _BURST:
                state.past = "own"
        return state.past == "copied"

    def _skip(self, kind: str, payload: Payload) -> None:
        """Count a copied record; the totals that it may hold are the baseline of this session's own."""
        names = ["records"]
        if kind == "response_item":
            if payload.type == "message" and isinstance(payload.role, str):
                names.append(payload.role)
            elif payload.type in ("function_call", "custom_tool_call"):
                names.append("calls")
        elif kind == "event_msg" and payload.type == "token_count":
            self.state.totals = self._totals(payload) or self.state.totals
        for name in names:
            self.state.copied[name] = self.state.copied.get(name, 0) + 1

    # Items

    def _item(self, record: Record[Line], item: Payload) -> None:
        kind = item.type if isinstance(item.type, str) else "unknown" if item.role is None else "message"
        if isinstance(item.model, str) and item.model:
            self.state.model = item.model
        if kind == "message":
            self._message(record, item)
        elif kind == "error":
            self._error(record, item)
        elif kind == "reasoning":
            self._replied(record, [reasoning_part(item)])
        elif kind.endswith("_call"):
            call = call_part(item, kind)
            if call.id is None and kind == "tool_call":
                call = structs.replace(call, id=f"call_{self.state.records}")
            parts: list[Part] = [call]
            if kind == "image_generation_call" and isinstance(item.result, str) and item.result:
                parts.append(image_part(f"data:image/png;base64,{item.result}"))
            self._replied(record, parts)
            if kind == "tool_call" and item.call_id is None:
                self._unnamed.append(call)
        elif kind.endswith(("_output", "_result")):
            self._answer(record, item)
        elif kind == "agent_message":
            draft = self._draft(record, "user", content_parts(item.content))
            draft.injected = "agent_message"
            own = {"author": item.author, "recipient": item.recipient}
            draft.metadata["codex"] = {key: name for key, name in own.items() if isinstance(name, str)}
        elif kind != "ghost_snapshot":  # a commit the client made to be able to undo: nobody said it
            self._replied(record, [OtherPart(kind, _whole(record.raw))])

    def _message(self, record: Record[Line], item: Payload) -> None:
        role = _SPOKEN.get(item.role) if isinstance(item.role, str) else None
        if role is None:
            phase = {"codex": {"phase": item.phase}} if isinstance(item.phase, str) else None
            self._replied(record, content_parts(item.content, phase))
            return
        draft = self._draft(record, role, content_parts(item.content))
        if role == "user" and draft.text in self._typed:
            self._typed.remove(draft.text)
            draft.typed = True

    def _replied(self, record: Record[Line], parts: list[Part]) -> None:
        """More of a reply, or the beginning of the next one."""
        if not self._open or self._reply is None:
            self._flush()
            if self.state.last is not None:
                before = {"copied": dict(self.state.copied), "records": self.state.records - 1}
                self._again = record.offset, structs.replace(self.state, **before)
            self._reply = self._draft(record, "assistant", [])
            self._reply.model = self.state.model
            self._open = True
        else:
            self._held += len(record.raw)
        self._reply.parts += parts

    def _answer(self, record: Record[Line], item: Payload) -> None:
        parts, facts = output_parts(item)
        if item.call_id is None and self._unnamed:  # the oldest layout pairs by order
            answer = parts[0]
            if isinstance(answer, ToolCallResponsePart):
                parts[0] = structs.replace(answer, id=self._unnamed.pop(0).id)
        draft = self._draft(record, "tool", parts)
        if isinstance(item.call_id, str):
            self._answers[item.call_id] = draft
            facts.update(self._ends.pop(item.call_id, {}))
        draft.note(facts)

    def _compacted(self, record: Record[Line], payload: Payload) -> None:
        """A marker where the client replaced the context; the replacement repeats what stands before."""
        text = payload.message if isinstance(payload.message, str) else ""
        draft = self._draft(record, "user", [TextPart(text)] if text else [])
        draft.injected = "compaction"
        windows = {"window_id": payload.window_id, "previous_window_id": payload.previous_window_id}
        own = {key: value for key, value in windows.items() if isinstance(value, str)}
        if own:
            draft.metadata["codex"] = own

    def _draft(self, record: Record[Line], role: Role, parts: list[Part]) -> Draft:
        """A new message, behind all others."""
        self._open = False
        if self._held > _HELD and role != "assistant":
            self._flush()
            self._reply = None
        self._held += len(record.raw)
        message_id = derived_uuid(b"codex\0%d\0" % self.state.records, record.raw)
        draft = Draft(record.offset, message_id, role, from_iso(record.value.timestamp))
        draft.parts = parts
        self._pending.append(draft)
        return draft

    def _flush(self) -> None:
        """Let go of what will not change any more."""
        for draft in self._pending:
            if isinstance(draft, Damage):
                self.spool.damage(draft)
                continue
            message = draft.message(self.state.echoes)
            if self.state.first is None and message.role == "user" and "injected" not in draft.metadata:
                self.state.first = one_line(draft.text)
            self.spool.add(message, draft.offset)
            self.state.last = message.id
        self._pending.clear()
        self._typed.clear()
        self._answers.clear()
        self._unnamed.clear()
        self._ends.clear()
        self._held = 0

    # Events

    def _event(self, record: Record[Line], event: Payload) -> None:
        kind = event.type
        if kind == "token_count":
            self._count(event)
        elif kind == "user_message":
            self._echo(event.message)
        elif kind in _TOOL_ENDS:
            self._ended(event.call_id, event_facts(kind, to_builtins(event)))
        elif kind == "item_completed":
            self._completed(event.item)
        elif kind == "thread_name_updated" and isinstance(event.thread_name, str):
            self.state.title = one_line(event.thread_name)
        elif kind == "turn_aborted":
            self._aborted(event)
        elif kind == "error":
            self._error(record, event)
        elif kind in _TURN_EDGES:
            self._open = False

    def _error(self, record: Record[Line], event: Payload) -> None:
        texts = (event.message, event.text, text_of(event.error, "message"))
        text = next((text for text in texts if isinstance(text, str)), "")
        self._draft(record, "system", [TextPart(text)]).injected = "error"

    def _totals(self, event: Payload) -> Totals | None:
        total = dict_of(event.info, "total_token_usage")
        return Totals.of(total) if total else None

    def _count(self, event: Payload) -> None:
        totals = self._totals(event)
        spent = None if totals is None else totals.since(self.state.totals)
        if totals is None or spent is None:
            return
        self.state.totals = totals
        self._open = False
        if self._reply is not None:
            self._reply.spend(spent)
        else:
            self.state.carry = spent if self.state.carry is None else self.state.carry + spent

    def _echo(self, text: object) -> None:
        """The client shows a text as typed by the person: mostly right behind the message itself."""
        if not isinstance(text, str):
            return
        self.state.echoes = True
        if self.state.first is None:
            self.state.first = one_line(text)
        for draft in reversed(self._pending):
            if isinstance(draft, Draft) and draft.role == "user" and not draft.typed and draft.text == text:
                draft.typed = True
                return
        self._typed.append(text)

    def _ended(self, call_id: object, facts: dict[str, Any]) -> None:
        """How a tool fared: noted on its answer, which may come first. What ends after the next reply
        began (it ran on in the background) changes nothing."""
        if not isinstance(call_id, str):
            return
        draft = self._answers.get(call_id)
        if draft is None:
            self._ends[call_id] = facts
        else:
            draft.note(facts)

    def _completed(self, item: object) -> None:
        """An item that the newest layout reports in place of the older events."""
        kind = text_of(item, "type") or ""
        if kind == "UserMessage":
            texts = [
                text for piece in dicts_of(item, "content") if (text := text_of(piece, "text")) is not None
            ]
            self._echo("\n".join(texts))
        elif kind in _ITEM_ENDS:
            self._ended(name_of(item, "id"), event_facts(kind, item))

    def _aborted(self, event: Payload) -> None:
        self._open = False
        if self._reply is not None:
            own = self._reply.metadata.setdefault("codex", {})
            own["aborted"] = event.reason if isinstance(event.reason, str) else "unknown"


def _whole(raw: bytes) -> Any:
    """What a record says, of which only some fields were decoded before."""
    try:
        value = decode(raw)
    except ValueError:  # in a field that nobody looked at
        return raw.decode("utf-8", "replace")
    return value.get("payload", value)
