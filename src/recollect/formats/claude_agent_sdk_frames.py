"""Frames of Claude Code's stream, as the Claude Agent SDK stores them, as messages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from ..model import Message, OtherPart, Part, Usage
from .base import Damage, derived_uuid
from .claude_agent_sdk_blocks import KEPT, blocks_of, read_block, usage_of
from .openai_parts import canonical
from .times import from_iso
from .values import bool_of, chosen, dict_of, name_of, number_of, present, text_of

_RESULT = (
    "subtype",
    "is_error",
    "duration_ms",
    "duration_api_ms",
    "num_turns",
    "total_cost_usd",
    "error",
    "errors",
)
_QUIET = ("stream_event", "keep_alive", "control_request", "control_response")
"""Frames that hold nothing that later frames do not say whole; the source keeps them."""


class Frames:
    """A session's frames. Decoded frames are looked at as often as messages are asked for."""

    def __init__(self, items: list[Any]) -> None:
        self._items = items
        self.init: dict[str, Any] = {}
        self.model: str | None = None
        self.session_id: str | None = None
        self.results: list[dict[str, Any]] = []
        """What each run's result says of it, but for its text and tokens."""
        self.agents: list[str] = []
        """The calls that started sub-agents, in order."""
        for kind, wire in (_wire(item) for item in items if isinstance(item, dict)):
            self.session_id = self.session_id or name_of(wire, "session_id")
            agent = _agent(wire)
            if agent is not None and agent not in self.agents:
                self.agents.append(agent)
            if kind == "system" and not self.init and text_of(wire, "subtype") in (None, "init"):
                self.init = wire
            elif kind == "assistant":
                self.model = self.model or name_of(wire, "message", "model")
            elif kind == "result":
                self.results.append(chosen(wire, *_RESULT))

    def messages(self, agent: str | None) -> Iterator[Message | Damage]:
        """The messages of the main line, or of one sub-agent."""
        yield from _Run(agent).read(self._items)


def _wire(item: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A frame's type and its content: the wire frame if it is there, else what the SDK made of it."""
    raw = dict_of(item, "raw")
    data = dict_of(item, "data")
    kind = name_of(item, "type") or name_of(raw, "type") or name_of(data, "type") or ""
    wire = raw or data
    if "subtype" not in wire and name_of(item, "subtype"):
        wire = {**wire, "subtype": item["subtype"]}
    return kind, wire


def _agent(wire: dict[str, Any]) -> str | None:
    return name_of(wire, "parent_tool_use_id")


class _Run:
    """Reads frames in order. A reply waits until it is known that no more of it comes, the last reply
    of a run until the run's result has come or is known to be missing."""

    def __init__(self, agent: str | None) -> None:
        self._agent = agent
        self._reply: _Reply | None = None
        self._waiting: list[Message | Damage] = []
        self._seen: set[str] = set()
        self._count = 0

    def read(self, items: list[Any]) -> Iterator[Message | Damage]:
        """All messages."""
        for item in items:
            self._count += 1
            if not isinstance(item, dict):
                wrong = (
                    item if isinstance(item, Damage) else Damage(0, f"frame {self._count} is not an object")
                )
                if self._agent is None:
                    self._waiting.append(wrong)
                continue
            kind, wire = _wire(item)
            if kind == "result" and self._agent is None:
                self._end_reply()
                yield from self._end_run(wire)
            elif _agent(wire) == self._agent and kind not in _QUIET:
                yield from self._frame(kind, wire)
        self._end_reply()
        yield from self._end_run({})

    def _frame(self, kind: str, wire: dict[str, Any]) -> Iterator[Message | Damage]:
        said = dict_of(wire, "message")
        if kind == "assistant":
            native = name_of(said, "id")
            if self._reply is None or native is None or native != self._reply.native:
                self._end_reply()
                self._reply = _Reply(native, self._id(wire, native), wire)
            self._reply.add(said)
            return
        self._end_reply()
        if kind == "user":
            self._waiting.extend(self._user(wire, said))
        elif kind == "system" and text_of(wire, "subtype") in (None, "init"):
            yield from self._end_run({})  # a new run begins; the one before had no result
        else:
            label = f"{kind}:{text_of(wire, 'subtype')}" if text_of(wire, "subtype") else kind or "unknown"
            part = OtherPart(label, {key: value for key, value in wire.items() if key != "session_id"})
            about = {"injected": label}
            self._waiting.append(
                Message(self._id(wire, None), None, "system", (part,), _time(wire), metadata=about)
            )

    def _user(self, wire: dict[str, Any], said: dict[str, Any]) -> Iterator[Message]:
        """A message of the person, and one for each tool's result in the same frame."""
        words: list[Part] = []
        results = 0
        for block in blocks_of(said.get("content", wire.get("content"))):
            part = read_block(block)
            if isinstance(block, dict) and block.get("type") == "tool_result":
                results += 1
                yield Message(self._id(wire, None, f"result {results}"), None, "tool", (part,), _time(wire))
            else:
                words.append(part)
        if words or not results:
            synthetic = bool_of(wire, "isSynthetic") or (results and words)
            about = {"injected": "synthetic"} if synthetic else None
            yield Message(self._id(wire, None), None, "user", tuple(words), _time(wire), metadata=about)

    def _end_reply(self) -> None:
        if self._reply is not None:
            self._waiting.append(self._reply.message())
            self._reply = None

    def _end_run(self, result: dict[str, Any]) -> Iterator[Message | Damage]:
        """Let go of the messages of a run; its figures go to the last reply."""
        whole = usage_of(dict_of(result, "usage"), number_of(result, "total_cost_usd"))
        last = max((i for i, item in enumerate(self._waiting) if _is_reply(item)), default=-1)
        if result and last < 0:
            text = text_of(result, "result")
            parts: list[Part] = [OtherPart("result", text)] if text else []
            if parts or whole is not None:
                about = {"injected": "result"}
                message = Message(self._id(result, None), None, "assistant", tuple(parts), metadata=about)
                last = len(self._waiting)
                self._waiting.append(message)
        counted = dict_of(result, "usage") != {}
        for i, item in enumerate(self._waiting):
            if isinstance(item, Message) and _is_reply(item):
                spent = None if counted else item.usage
                if i == last and whole is not None:
                    spent = whole if counted or spent is None else replace(spent, cost_usd=whole.cost_usd)
                item = replace(item, usage=spent)
            yield item
        self._waiting = []

    def _id(self, wire: dict[str, Any], native: str | None, kind: str = "") -> str:
        """The frame's own id, the reply's id, else one from its place and content."""
        own = native or name_of(wire, "uuid")
        if own is not None and kind:
            own = derived_uuid(b"claude-agent-sdk\0", f"{own}\0{kind}".encode("utf-8", "surrogatepass"))
        if own is None or own in self._seen:
            place = f"{self._agent}\0{self._count}\0{kind}\0".encode("utf-8", "surrogatepass")
            own = derived_uuid(b"claude-agent-sdk\0", place, canonical(wire))
        self._seen.add(own)
        return own


def _is_reply(item: Message | Damage) -> bool:
    return isinstance(item, Message) and item.role == "assistant"


def _time(wire: dict[str, Any]) -> Any:
    return from_iso(wire.get("timestamp"))


class _Reply:
    """One reply of the model, which comes in a frame per block."""

    def __init__(self, native: str | None, message_id: str, wire: dict[str, Any]) -> None:
        self.native = native
        self._id = message_id
        self._time = _time(wire)
        self._parts: list[Part] = []
        self._model: str | None = None
        self._usage: Usage | None = None
        self._stop: str | None = None

    def add(self, said: dict[str, Any]) -> None:
        """One more frame; figures are those of the newest."""
        self._parts.extend(read_block(block) for block in blocks_of(said.get("content")))
        self._model = name_of(said, "model") or self._model
        self._stop = name_of(said, "stop_reason") or self._stop
        self._usage = usage_of(dict_of(said, "usage"), None) or self._usage

    def message(self) -> Message:
        """The whole reply."""
        own = present(stop_reason=self._stop)
        return Message(
            self._id,
            None,
            "assistant",
            tuple(self._parts),
            self._time,
            self._model,
            self._usage,
            {KEPT: own} if own else None,
        )
