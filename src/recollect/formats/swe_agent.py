"""SWE-agent's ``.traj`` files: one run, told twice.

``history`` is what the model was sent and answered, ``trajectory`` the steps that were taken. The history
is read; of the trajectory only the steps that come behind it (the last one, which ended the run) or, where
there is no history, all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from msgspec.structs import replace

from ..model import Message, Usage
from .base import Conversation, Damage, Piece, Source, Spool, derived_uuid
from .jsonstream import Broken, Cursor, decode
from .swe_agent_messages import HistoryReader
from .values import chosen, count_of, dict_of, name_of, number_of, text_of

NAME = "swe-agent"

_VIEWS = ("history", "trajectory")
_KEYS = re.compile(rb'"(trajectory|history|environment|replay_config)"\s*:')
_ANSWER = re.compile(rb'"role"\s*:\s*"assistant"(?!.*"(?:is_demo"\s*:\s*true|demonstration"))', re.S)
_STEP = re.compile(rb'"(?:observation|thought|action|message_type|agent|is_demo)"\s*:')
_LONGEST_SUBMISSION = 1 << 14


def detect(head: bytes, name: str) -> float:
    """By an object with ``trajectory`` or ``history`` whose entries have SWE-agent's keys."""
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"{":
        return 0.0
    keys = {match[1] for match in _KEYS.finditer(head)}
    named = name.endswith(".traj")
    if not keys & {b"trajectory", b"history"} or _STEP.search(head) is None:
        return 0.3 if named and b'"environment"' in head else 0.0
    if named:
        return 0.95
    steps = sum(head.find(key) >= 0 for key in (b'"observation"', b'"thought"', b'"action"', b'"agent"'))
    return 0.75 if steps >= 3 else 0.0


def read(source: Source) -> Iterator[Piece]:
    """The file's run, and what is damaged."""
    views: dict[str, Spool] = {}
    rest: dict[str, Any] = {}
    cursor = Cursor(source.read)
    cursor.start()
    damage: Damage | None = None
    try:
        _gather(cursor, views, rest)
        if cursor.peek() >= 0:
            damage = Damage(cursor.offset, "more text follows the run")
    except Broken as broken:
        damage = Damage(broken.offset, broken.reason)
    if damage is not None:
        yield damage
    if views or damage is None:
        run = _Run(views, rest, source.name)
        yield run.conversation()


def _gather(cursor: Cursor, views: dict[str, Spool], rest: dict[str, Any]) -> None:
    """Put the object's lists by and decode what stands beside them. Raises Broken."""
    for key in cursor.members():
        offset = cursor.offset
        if key in _VIEWS and key not in views and cursor.peek() == 0x5B:
            views[key] = Spool()
            for place in cursor.items():
                views[key].add(cursor.value() or b"", place)
            continue
        try:
            rest[key] = decode(cursor.value() or b"")
        except ValueError as error:
            raise Broken(offset, f"no JSON: {error}") from error


class _Run:
    """A run whose file was read."""

    def __init__(self, views: dict[str, Spool], rest: dict[str, Any], name: str) -> None:
        self._views = views
        self._rest = rest
        self._name = name
        self.native_id = self._named()
        self._usage = _usage(dict_of(rest, "info", "model_stats"))

    def _named(self) -> str:
        """A name from the model and the run's beginning up to the first answer, since the file has none."""
        hashed = [b"swe-agent", (_model(self._rest.get("replay_config")) or "").encode("utf-8", "replace")]
        view = next((name for name in _VIEWS if name in self._views), None)
        for _, raw in self._views[view] if view else ():
            hashed.append(b"\0" + raw)
            if view == "trajectory" or _ANSWER.search(raw) is not None:
                break
        return derived_uuid(*hashed)

    def conversation(self) -> Conversation:
        """The run as a conversation."""
        metadata: dict[str, Any] = chosen(self._rest, "environment")
        info = dict_of(self._rest, "info")
        metadata |= chosen(info, "exit_status", "swe_agent_version")
        if 0 < len(submission := text_of(info, "submission") or "") <= _LONGEST_SUBMISSION:
            metadata["submission"] = submission
        if calls := count_of(self._rest, "info", "model_stats", "api_calls"):
            metadata["api_calls"] = calls
        attributes: dict[str, Any] = {"metadata": metadata}
        if self._name.endswith(".traj"):
            attributes["name"] = self._name.removesuffix(".traj")
        if (model := _model(self._rest.get("replay_config"))) is not None:
            attributes["model"] = model
        return Conversation(
            offset=0, messages=self, native_id=self.native_id, loose_id=True, attributes=attributes
        )

    def __iter__(self) -> Iterator[Message | Damage]:
        """The messages; what the whole run cost is told on its first answer."""
        untold = self._usage
        for found in self._all():
            if untold is not None and isinstance(found, Message) and _is_answer(found):
                found, untold = replace(found, usage=untold), None
            yield found

    def _all(self) -> Iterator[Message | Damage]:
        reader = HistoryReader(self.native_id)
        is_whole = True
        for offset, raw in self._views.get("history", ()):
            try:
                yield reader.entry(decode(raw))
            except ValueError as error:
                is_whole = False
                yield Damage(offset, str(error))
        if is_whole:
            yield from self._behind(reader)

    def _behind(self, reader: HistoryReader) -> Iterator[Message | Damage]:
        """The steps that come behind the history, if the steps before are those it tells of."""
        taken = len(reader.actions)
        for number, (offset, raw) in enumerate(self._views.get("trajectory", ())):
            try:
                step = decode(raw)
                if number >= taken:
                    yield from reader.step(step)
                elif (text_of(step, "action") or "").strip() != reader.actions[number].strip():
                    return
            except ValueError as error:
                yield Damage(offset, str(error))


def _is_answer(message: Message) -> bool:
    return message.role == "assistant" and "injected" not in (message.metadata or {})


def _usage(stats: dict[str, Any]) -> Usage | None:
    """What the run cost, where it says so."""
    sent, received = count_of(stats, "tokens_sent"), count_of(stats, "tokens_received")
    cost = number_of(stats, "instance_cost")
    if not sent and not received and not cost:
        return None
    return Usage(input_tokens=sent, output_tokens=received, cost_usd=_exact(cost))


def _exact(cost: float | None) -> Decimal | None:
    try:
        number = Decimal(str(cost))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def _model(config: Any) -> str | None:
    """The model in the run's configuration, which may be JSON in a text."""
    if isinstance(config, str):
        try:
            config = decode(config.encode("utf-8", "surrogatepass"))
        except ValueError:
            return None
    return name_of(config, "agent", "model", "name") or name_of(config, "agent", "model", "model_name")
