"""OpenCode's messages and sessions: the same objects, whether they lie in files or in its database."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from ..model import Message, Part, TextPart, Usage
from .base import Conversation, Damage, derived_uuid
from .messagespool import MessageSpool
from .opencode_parts import KEPT, answer_of, is_synthetic, part_of, usage_of
from .times import from_unix_ms
from .values import chosen, dict_of, dicts_of, name_of, value_of


class Told(NamedTuple):
    """A message as OpenCode keeps it."""

    offset: int
    name: str
    """What it is called where it lies: its id, should it not say so itself."""
    info: dict[str, Any]
    parts: list[dict[str, Any]]


def conversation_of(session: dict[str, Any], told: Iterable[Told | Damage]) -> Conversation:
    """A session with its messages, all read at once."""
    spool = MessageSpool()
    attributes: dict[str, Any] = {}
    seen: set[str] = set()
    for one in told:
        if isinstance(one, Damage):
            spool.damage(one)
            continue
        for message in messages_of(one):
            if isinstance(message, Damage):
                spool.damage(message)
            elif message.id in seen:
                spool.damage(Damage(one.offset, "a message stands there a second time"))
            else:
                seen.add(message.id)
                spool.add(message, one.offset)
        _note(attributes, one.info)
    metadata = chosen(session, "slug", "projectID", "revert")
    renamed = {"directory": "cwd", "version": "tool_version", "projectID": "project_id"}
    metadata |= chosen(session, "directory", "version")
    if (shared := name_of(session, "share", "url")) is not None:
        metadata["share_url"] = shared
    if (title := name_of(session, "title")) is not None:
        attributes["name"] = title
    parent = name_of(session, "parentID")
    return Conversation(
        offset=0,
        messages=spool,
        native_id=name_of(session, "id"),
        attributes={**attributes, "metadata": {renamed.get(key, key): v for key, v in metadata.items()}},
        parent=parent,
        relation="subagent" if parent is not None else None,
    )


def _note(attributes: dict[str, Any], info: dict[str, Any]) -> None:
    """Take the session's model, provider and instructions from its messages."""
    if info.get("role") == "assistant":
        for key, value in (("model", _model(info)), ("provider", _provider(info))):
            if value is not None:
                attributes.setdefault(key, value)
    elif (system := name_of(info, "system")) is not None:
        attributes.setdefault("system_prompt", system)


def _model(info: dict[str, Any]) -> str | None:
    return name_of(info, "modelID") or name_of(info, "model", "modelID")


def _provider(info: dict[str, Any]) -> str | None:
    return name_of(info, "providerID") or name_of(info, "model", "providerID")


def messages_of(told: Told) -> Iterator[Message | Damage]:
    """The messages that one of OpenCode's makes: a user's is one; an assistant's one for each call of
    the model, each followed by what its tools gave back."""
    info = told.info
    if info.get("role") == "user":
        yield _user(told)
    elif info.get("role") == "assistant":
        yield from _assistant(told)
    else:
        yield Damage(told.offset, "it is neither a user's message nor an assistant's")


def _id(told: Told) -> str:
    return name_of(told.info, "id") or told.name


def _user(told: Told) -> Message:
    parts: list[Part] = [part for value in told.parts if (part := part_of(value)) is not None]
    if not told.parts and (words := name_of(told.info, "summary", "body")) is not None:
        parts = [TextPart(words, {KEPT: {"summary": True}})]
    texts = [value for value in told.parts if value.get("type") == "text"]
    metadata: dict[str, Any] = {}
    if any(value.get("type") == "compaction" for value in told.parts):
        metadata["injected"] = "compaction"
    elif texts and all(is_synthetic(value) for value in texts):
        metadata["injected"] = "synthetic"
    if own := chosen(told.info, "agent", "tools", "variant"):
        metadata[KEPT] = own
    created = from_unix_ms(value_of(told.info, "time", "created"))
    return Message(_id(told), None, "user", tuple(parts), created_at=created, metadata=metadata or None)


class _Step:
    """One call of the model."""

    def __init__(self, step_id: str) -> None:
        self.id = step_id
        self.parts: list[Part] = []
        self.usage: Usage | None = None
        self.answers: list[Message] = []
        self.is_finished = False


def _assistant(told: Told) -> Iterator[Message]:
    steps = _steps(told)
    if not any(step.usage for step in steps):
        steps[0].usage = usage_of(told.info)
    info = told.info
    own = chosen(info, "agent", "mode", "finish", "variant", "error")
    metadata: dict[str, Any] = {KEPT: own} if own else {}
    if info.get("summary") is True:
        metadata["injected"] = "compact_summary"
    created = from_unix_ms(value_of(info, "time", "created"))
    for step in steps:
        yield Message(
            step.id,
            None,
            "assistant",
            tuple(step.parts),
            created_at=created,
            model=_model(info),
            usage=step.usage,
            metadata=metadata or None,
        )
        yield from step.answers


def _steps(told: Told) -> list[_Step]:
    """The calls of the model that a message's parts tell of: each ends with ``step-finish``."""
    own_id = _id(told)
    steps = [_Step(own_id)]
    for number, value in enumerate(told.parts):
        kind = value.get("type")
        part_id = name_of(value, "id") or f"part {number}"
        step = steps[-1]
        if step.is_finished and kind in ("step-start", "text", "reasoning", "tool"):
            step = _Step(derived_uuid(f"opencode\0{own_id}\0{part_id}".encode("utf-8", "surrogatepass")))
            steps.append(step)
        if kind == "step-finish":
            step.usage = usage_of(value)
            step.is_finished = True
        part = part_of(value)
        if part is not None:
            step.parts.append(part)
        if kind == "tool" and (answer := answer_of(value)):
            step.answers.append(_answer(own_id, part_id, answer, value))
    return steps


def _answer(own_id: str, part_id: str, answer: list[Part], value: dict[str, Any]) -> Message:
    """What a tool gave back, as a message of its own."""
    ended = from_unix_ms(value_of(value, "state", "time", "end"))
    answer_id = derived_uuid(f"opencode\0{own_id}\0{part_id}\0answer".encode("utf-8", "surrogatepass"))
    return Message(answer_id, None, "tool", tuple(answer), created_at=ended)


def told_by(offset: int, value: object, name: str) -> Told | Damage:
    """A message with its parts as exports hold it."""
    if not isinstance(value, dict):
        return Damage(offset, "a message is not an object")
    return Told(offset, name, dict_of(value, "info"), dicts_of(value, "parts"))
