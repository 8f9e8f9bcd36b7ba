"""What a Claude Code file says of the session itself: title, folder, branch, versions, links."""

from __future__ import annotations

import re
from typing import Any

from msgspec import Struct, field

from ..model import TextPart
from .claude_code_injected import injected_record, injected_text
from .claude_code_messages import from_user, results_in
from .claude_code_records import Record

TITLE_LENGTH = 80
_NAME = re.compile(r"[\w.:@-]{1,128}")
_MANY = 200
"""Lists of facts grow no longer than this: what a damaged file repeats without end says nothing."""


class Facts(Struct):
    """Gathered record by record; taking a record again changes nothing."""

    session_ids: list[str] = field(default_factory=list)
    last_session_id: str | None = None
    first_id: str | None = None
    """The session of the first message."""
    forked_from: str | None = None
    custom_title: str | None = None
    ai_title: str | None = None
    summary: str | None = None
    own_summary: str | None = None
    """The last summary of a line that is in this file."""
    summary_leaf: str | None = None
    first_prompt: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    versions: list[str] = field(default_factory=list)
    slug: str | None = None
    permission_mode: str | None = None
    agent_name: str | None = None
    pr_links: list[str] = field(default_factory=list)
    first_at: str | None = None
    last_at: str | None = None

    def take_place(self, record: Record) -> None:
        """What a record with a place in the tree says."""
        session_id = record.session_id
        if session_id is not None and session_id != self.last_session_id:
            self._name(session_id)
        if record.cwd is not None and self.cwd is None:
            self.cwd = record.cwd
        if record.git_branch:
            self.git_branch = record.git_branch
        if record.version is not None and (not self.versions or record.version != self.versions[-1]):
            _note(self.versions, record.version)
        if record.slug is not None:
            self.slug = record.slug
        if record.permission_mode is not None:
            self.permission_mode = record.permission_mode

    def _name(self, session_id: str) -> None:
        """Take note of a session that a record names; texts put in an id's place name none."""
        if _NAME.fullmatch(session_id):
            _note(self.session_ids, session_id)
            self.last_session_id = session_id

    def take_message(self, record: Record) -> None:
        """What a user or assistant record says besides."""
        if self.first_id is None:
            self.first_id = record.session_id
        if self.forked_from is None and record.forked_from is not None:
            origin = record.forked_from.get("sessionId")
            self.forked_from = origin if isinstance(origin, str) else None
        at = record.timestamp
        if at is not None:
            if self.first_at is None or at < self.first_at:
                self.first_at = at
            if self.last_at is None or at > self.last_at:
                self.last_at = at
        if self.first_prompt is None and record.type == "user":
            self.first_prompt = _prompt(record)

    def take_fact(self, record: Record, known: bool) -> None:
        """What a record without a place says; ``known``: the leaf it names is in this file."""
        match record.type:
            case "custom-title" if record.custom_title:
                self.custom_title = record.custom_title
            case "ai-title" if record.ai_title:
                self.ai_title = record.ai_title
            case "summary" if record.summary:
                self.summary = record.summary
                if known:
                    self.own_summary = record.summary
                else:
                    self.summary_leaf = record.leaf_uuid
            case "agent-name" if record.agent_name:
                self.agent_name = record.agent_name
            case "permission-mode" if record.permission_mode:
                self.permission_mode = record.permission_mode
            case "pr-link" if record.pr_url:
                _note(self.pr_links, record.pr_url)
        if record.session_id is not None and _NAME.fullmatch(record.session_id):
            _note(self.session_ids, record.session_id)

    def session_id(self, stem: str) -> str | None:
        """The file's own session: the one it is named after, else the one written last."""
        if stem in self.session_ids:
            return stem
        return self.last_session_id or (self.session_ids[-1] if self.session_ids else None)

    def title(self) -> str | None:
        """As the client shows it: given by hand, by the model, a summary, or the first prompt."""
        for found in (self.custom_title, self.ai_title, self.own_summary, self.summary, self.first_prompt):
            if found is not None and (line := one_line(found)):
                return line
        return None

    def metadata(self) -> dict[str, Any]:
        """For the session's metadata: only what is known."""
        found: dict[str, Any] = {
            "cwd": self.cwd,
            "git_branch": self.git_branch,
            "tool_version": self.versions[-1] if self.versions else None,
            "tool_versions": self.versions if len(self.versions) > 1 else None,
            "slug": self.slug,
            "permission_mode": self.permission_mode,
            "agent_name": self.agent_name,
            "pr_links": self.pr_links or None,
            "summary_leaf": self.summary_leaf,
            "started_at": self.first_at,
            "ended_at": self.last_at,
        }
        return {key: value for key, value in found.items() if value is not None}


def _note(known: list[str], item: str) -> None:
    if item not in known and len(known) < _MANY:
        known.append(item)


def _prompt(record: Record) -> str | None:
    """The words of a person's own message, None for any other."""
    if results_in(record) or injected_record(record) is not None:
        return None
    message = from_user(record, "", 0, None)
    own = [
        part.content
        for part in message.parts
        if isinstance(part, TextPart) and injected_text(part.content) is None
    ]
    return " ".join(one_line(text) for text in own) or None


def one_line(text: str) -> str:
    """The beginning of a text as a title."""
    line = " ".join(text[: 4 * TITLE_LENGTH].split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1].rstrip() + "…"


def provider_of(model: str | None) -> str | None:
    """Whose model it is, where the name says so: other makers' models can be plugged in."""
    return "anthropic" if model is not None and "claude" in model.lower() else None
