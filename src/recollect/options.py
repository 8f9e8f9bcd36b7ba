"""Keyword arguments that several verbs take, typed once."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any, TypedDict

from .model import When


class Attributes(TypedDict, total=False):
    """What ``open``, ``create`` and ``update`` can set on a session."""

    name: str | None
    provider: str | None
    model: str | None
    system_prompt: str | None
    tags: list[str] | tuple[str, ...]
    metadata: dict[str, Any]
    summary: str | None
    pinned: bool
    expires_at: datetime | None


class Filters(TypedDict, total=False):
    """What ``sessions`` and ``search`` filter by; see ``SessionQuery``."""

    text: str | None
    tags: list[str] | tuple[str, ...] | None
    any_tags: list[str] | tuple[str, ...] | None
    provider: str | None
    model: str | None
    created_since: When | None
    created_until: When | None
    since: When | None
    until: When | None
    min_cost: Decimal | float | None
    max_cost: Decimal | float | None
    min_messages: int | None
    max_messages: int | None
    metadata: dict[str, Any] | None
    pinned: bool | None
    forked_from: str | None
