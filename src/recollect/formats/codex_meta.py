"""Whose rollout it is: the first ``session_meta`` of a Codex file."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from .codex_records import Payload
from .values import dict_of, name_of, present, text_of


class Meta(Struct):
    """A session's facts, as its first record tells them."""

    id: str | None
    parent: str | None
    relation: Literal["fork", "subagent"] | None
    provider: str | None
    facts: dict[str, Any]
    """Metadata of the session."""
    system_prompt: str | None = None


def read_meta(payload: Payload) -> Meta:
    """The facts of a ``session_meta`` record."""
    fields = {
        key: getattr(payload, key) for key in ("id", "forked_from_id", "parent_thread_id", "model_provider")
    }
    spawned = dict_of(payload.source, "subagent", "thread_spawn")
    forked = name_of(fields, "forked_from_id")
    parent = forked or name_of(fields, "parent_thread_id") or name_of(spawned, "parent_thread_id")
    relation: Literal["fork", "subagent"] | None = (
        None if parent is None else "fork" if forked else "subagent"
    )
    instructions = text_of(payload.base_instructions, "text") or payload.instructions
    return Meta(
        id=name_of(fields, "id"),
        parent=parent,
        relation=relation,
        provider=name_of(fields, "model_provider") or "openai",
        facts=_facts(payload, spawned),
        system_prompt=instructions if isinstance(instructions, str) and instructions else None,
    )


def _facts(payload: Payload, spawned: dict[str, Any]) -> dict[str, Any]:
    def text(name: str) -> str | None:
        value = getattr(payload, name)
        return value if isinstance(value, str) else None

    subagent = dict_of(payload.source).get("subagent")
    return present(
        cwd=text("cwd"),
        git_branch=name_of(payload.git, "branch"),
        git_commit=name_of(payload.git, "commit_hash"),
        git_repository=name_of(payload.git, "repository_url"),
        tool_version=text("cli_version"),
        originator=text("originator"),
        entrypoint=text("source"),
        subagent=subagent if isinstance(subagent, str) else "thread_spawn" if spawned else None,
        agent_nickname=text("agent_nickname") or name_of(spawned, "agent_nickname"),
        agent_role=text("agent_role") or name_of(spawned, "agent_role"),
    )
