"""Figures over any list of messages, wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .model import Message, Usage


def count_turns(messages: Iterable[Message]) -> int:
    """How often the assistant spoke: the number of assistant messages."""
    return sum(message.role == "assistant" for message in messages)


def total_usage(messages: Iterable[Message]) -> Usage:
    """The sum of all usage; its ``cost_usd`` is None when no message has a cost."""
    total = Usage()
    for message in messages:
        if message.usage is not None:
            total = total + message.usage
    return total


def calculate_cost(messages: Iterable[Message]) -> Decimal:
    """The sum of all costs in US dollars, exact; 0 when no message has one."""
    return total_usage(messages).cost_usd or Decimal(0)


def extract_session_id(messages: Iterable[Message]) -> str | None:
    """The first ``metadata["session_id"]`` among the messages, or None."""
    for message in messages:
        found = (message.metadata or {}).get("session_id")
        if found is not None:
            return str(found)
    return None
