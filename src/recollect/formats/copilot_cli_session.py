"""A Copilot CLI session folded into messages, event by event."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct, structs, to_builtins

from ..model import Message, Part, ReasoningPart, Role, TextPart, Usage
from .base import Damage, Mark, derived_uuid
from .copilot_cli_parts import answer, reply_parts, typed_parts
from .messagespool import MessageSpool
from .recordlines import Record, RecordDecoder
from .times import from_iso
from .titles import one_line
from .values import chosen, count_of, dict_of, name_of, present, text_of


class Event(Struct, gc=False):
    """A line of the file."""

    type: Any = None
    data: Any = None
    id: Any = None
    timestamp: Any = None


decoder = RecordDecoder(Event)


def is_whole(event: Event) -> bool:
    """Whether this is an event and not a piece of one."""
    return isinstance(event.type, str) and isinstance(event.data, dict)


class State(Struct, kw_only=True):
    """What is known between two events."""

    id: str | None = None
    facts: dict[str, Any] = {}
    model: str | None = None
    title: str | None = None
    first: str | None = None
    shutdowns: list[Any] = []
    records: int = 0
    last: str | None = None


class Line:
    """The messages of one session. The newest is held back: more of its reply may come."""

    def __init__(self, offset: int, last: str | None = None) -> None:
        self.offset = offset
        self.spool = MessageSpool()
        self.name: str | None = None
        self.model: str | None = None
        self.last = last
        """The id of the newest message that will not change."""
        self._held: Message | None = None
        self._place = offset
        self._reply: str | None = None
        self._ids: set[int] = set()

    def goes_on(self, reply: str | None) -> bool:
        """Whether the newest message is part of the reply of that name."""
        return reply is not None and reply == self._reply

    def extend(self, more: Message) -> None:
        """More of the newest message; the count of tokens is the whole reply's."""
        assert self._held is not None
        parts = self._held.parts + more.parts
        self._held = structs.replace(self._held, parts=parts, usage=more.usage or self._held.usage)

    def add(self, message: Message, offset: int, reply: str | None = None) -> None:
        """One more message; ``reply`` names the reply that it belongs to."""
        self.flush()
        if hash(message.id) in self._ids:  # a damaged or scrubbed file
            again = derived_uuid(b"%d\0" % offset, message.id.encode("utf-8", "surrogatepass"))
            message = structs.replace(message, id=again)
        self._ids.add(hash(message.id))
        self._held, self._place, self._reply = message, offset, reply

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here."""
        self.flush()
        self.spool.damage(damage)

    def flush(self) -> None:
        """Nothing is added to the newest message any more."""
        if self._held is not None:
            self.spool.add(self._held, self._place)
            self.last = self._held.id
        self._held = self._reply = None

    def damages(self) -> Iterator[Damage]:
        """What is damaged, of a file without any event."""
        for piece in self.spool:
            if isinstance(piece, Damage):
                yield piece

    def attributes(self) -> dict[str, Any]:
        """Attributes of a sub-agent's session."""
        return present(name=self.name, provider="github", model=self.model)


class Session:
    """Takes the events of a file in order."""

    def __init__(self, fallback_id: str | None, state: State | None = None) -> None:
        self.state = state or State()
        self.main = Line(0, self.state.last)
        self.agents: dict[str, Line] = {}
        self._fallback_id = fallback_id
        self._thought: tuple[Message, Record[Event]] | None = None
        self._again: tuple[int, State] | None = None
        self._handlers: dict[str, Callable[[Record[Event], dict[str, Any]], None]] = {
            "session.start": self._started,
            "session.resume": self._started,
            "session.model_change": self._model_changed,
            "session.title_changed": self._titled,
            "session.shutdown": self._shut_down,
            "session.error": self._told,
            "session.compaction_complete": self._compacted,
            "system.message": self._system,
            "system.notification": self._told,
            "user.message": self._user,
            "assistant.message": self._assistant,
            "assistant.reasoning": self._reasoned,
            "tool.execution_complete": self._answered,
            "subagent.started": self._agent_started,
            "abort": self._told,
        }

    @property
    def session_id(self) -> str | None:
        """The tool's own id of the session."""
        return self.state.id or self._fallback_id

    def take(self, record: Record[Event]) -> None:
        """The next event."""
        self.state.records += 1
        kind, data = record.value.type, record.value.data
        handler = self._handlers.get(kind) if isinstance(kind, str) else None
        if handler is not None:
            handler(record, data if isinstance(data, dict) else {})

    def damage(self, damage: Damage) -> None:
        """Something unreadable stands here."""
        self.state.records += 1
        self._let_go()
        self.main.damage(damage)

    def finish(self) -> None:
        """No more events come."""
        self._let_go()
        for line in (self.main, *self.agents.values()):
            line.flush()

    def mark(self) -> Mark | None:
        """Where the last reply began. A session with sub-agents is read anew."""
        if self._again is None or self.agents:
            return None
        return Mark(self._again[0], to_builtins(self._again[1]))

    def attributes(self) -> dict[str, Any]:
        """What is known of the session as a whole."""
        state = self.state
        return present(
            name=state.title or state.first,
            provider="github",
            model=state.model,
            metadata={**state.facts, **present(copilot_cli=present(shutdowns=state.shutdowns))},
        )

    # What is said

    def _message(self, record: Record[Event], role: Role, parts: list[Part], **fields: Any) -> Message:
        event = record.value
        own_id = event.id if isinstance(event.id, str) and event.id else None
        message_id = own_id or derived_uuid(b"copilot-cli\0%d\0" % self.state.records, record.raw)
        return Message(message_id, None, role, tuple(parts), from_iso(event.timestamp), **fields)

    def _say(self, record: Record[Event], role: Role, parts: list[Part], metadata: dict[str, Any]) -> None:
        self._let_go()
        self.main.add(self._message(record, role, parts, metadata=metadata or None), record.offset)

    def _let_go(self) -> None:
        """Reasoning that no reply followed stands for itself."""
        if self._thought is not None:
            message, record = self._thought
            self._thought = None
            self.main.add(message, record.offset)

    def _system(self, record: Record[Event], data: dict[str, Any]) -> None:
        self._say(record, "developer" if data.get("role") == "developer" else "system", typed_parts(data), {})

    def _user(self, record: Record[Event], data: dict[str, Any]) -> None:
        sent, source = name_of(data, "transformedContent"), name_of(data, "source")
        own = present(transformed_content=sent if sent != text_of(data, "content") else None)
        injected = source if source not in (None, "user", "cli") else None
        self._say(record, "user", typed_parts(data), present(injected=injected, copilot_cli=own))
        if self.state.first is None and injected is None:
            self.state.first = one_line(text_of(data, "content") or "")

    def _told(self, record: Record[Event], data: dict[str, Any]) -> None:
        """What the client said: a notification to the model, an error, the end of an aborted turn."""
        kind = record.value.type.rpartition(".")[2]
        texts = (name_of(data, key) for key in ("content", "message", "reason"))
        text = next((text for text in texts if text), "")
        self._say(record, "system", [TextPart(text)], {"injected": kind})

    def _compacted(self, record: Record[Event], data: dict[str, Any]) -> None:
        text = name_of(data, "summaryContent")
        self._say(record, "user", [TextPart(text)] if text else [], {"injected": "compaction"})

    def _reasoned(self, record: Record[Event], data: dict[str, Any]) -> None:
        self._let_go()
        part = ReasoningPart(text_of(data, "content") or "")
        self._thought = self._message(record, "assistant", [part], model=self.state.model), record
        self._remember(record, self.state.records - 1)

    def _assistant(self, record: Record[Event], data: dict[str, Any]) -> None:
        agent, reply = name_of(data, "parentToolCallId"), name_of(data, "messageId")
        line, thought = self.main, None
        if agent is not None:
            line = self.agents.setdefault(agent, Line(record.offset))
        elif self._thought is not None:
            part = self._thought[0].parts[0]
            thought = part.content if isinstance(part, ReasoningPart) else None
        elif not line.goes_on(reply):
            self._remember(record, self.state.records - 1)
        if agent is None:
            self._thought = None
        model = name_of(data, "model") or (self.state.model if agent is None else line.model)
        tokens = count_of(data, "outputTokens")
        usage = Usage(output_tokens=tokens) if tokens else None
        message = self._message(record, "assistant", reply_parts(data, thought), model=model, usage=usage)
        line.model = model
        if line.goes_on(reply):
            line.extend(message)
        else:
            line.add(message, record.offset, reply)

    def _remember(self, record: Record[Event], records: int) -> None:
        """A reply begins here: what stands before it will not change."""
        self.main.flush()
        if self.main.last is not None:
            before = {"records": records, "last": self.main.last, "shutdowns": list(self.state.shutdowns)}
            self._again = record.offset, structs.replace(self.state, **before)

    def _answered(self, record: Record[Event], data: dict[str, Any]) -> None:
        part, facts = answer(data)
        agent = name_of(data, "parentToolCallId")
        if agent is None:
            self._say(record, "tool", [part], facts)
        else:
            line = self.agents.setdefault(agent, Line(record.offset))
            line.add(self._message(record, "tool", [part], metadata=facts or None), record.offset)

    # What is known

    def _started(self, _record: Record[Event], data: dict[str, Any]) -> None:
        state = self.state
        state.id = state.id or name_of(data, "sessionId")
        context = dict_of(data, "context")
        facts = present(
            cwd=name_of(context, "cwd"),
            git_branch=name_of(context, "branch"),
            git_commit=name_of(context, "headCommit"),
            git_repository=name_of(context, "repository"),
            tool_version=name_of(data, "copilotVersion"),
        )
        state.facts = {**facts, **state.facts}
        state.model = name_of(data, "selectedModel") or state.model

    def _model_changed(self, _record: Record[Event], data: dict[str, Any]) -> None:
        self.state.model = name_of(data, "newModel") or self.state.model

    def _titled(self, _record: Record[Event], data: dict[str, Any]) -> None:
        self.state.title = one_line(text_of(data, "title") or "")

    def _shut_down(self, _record: Record[Event], data: dict[str, Any]) -> None:
        """Totals of a run, input tokens among them: kept with the session, never added to messages."""
        self.state.shutdowns.append(
            chosen(data, "modelMetrics", "tokenDetails", "totalPremiumRequests", "codeChanges")
        )
        self.state.model = name_of(data, "currentModel") or self.state.model

    def _agent_started(self, record: Record[Event], data: dict[str, Any]) -> None:
        call_id = name_of(data, "toolCallId")
        if call_id is not None:
            line = self.agents.setdefault(call_id, Line(record.offset))
            line.name = name_of(data, "agentDisplayName") or name_of(data, "agentName")
