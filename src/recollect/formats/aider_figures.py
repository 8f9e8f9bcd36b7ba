"""What aider says about a session in its own output: models, tokens, costs, folders, versions."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from ..model import Usage

_AMOUNT = r"(\d[\d.,]*[kM]?)"
_TOKENS = re.compile(
    rf"Tokens: {_AMOUNT} sent(?:, {_AMOUNT} cache write)?(?:, {_AMOUNT} cache hit)?, {_AMOUNT} received\."
    r"(?: Cost: \$(\d[\d,]*(?:\.\d+)?) (?:request|message|send)\b.*)?"
)
_MODEL = re.compile(r"(?:Main m|M)odels?: (\S+) with (\S+) edit format(?:, weak model (\S+?))?(?:, .*)?")
_WEAK = re.compile(r"Weak model: (\S+)")
_VERSION = re.compile(r"Aider v(\S+)")
_FOLDER = re.compile(r"Git working dir: (.+)")
_COMMAND = re.compile(r"\S*\baider(?:\.exe|\.py)?(?: .*)?")
_UNITS = {"k": 1000, "M": 1_000_000}
_MOST = 1 << 62


class Figures:
    """Gathers what the lines of a session's output say."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {}
        self.model: str | None = None
        """The model that answers now."""
        self.first_model: str | None = None

    def line(self, text: str) -> Usage | None:
        """Take note of a line of output; gives the usage that it reports."""
        if text.startswith("Tokens: "):
            return usage_in(text)
        if (found := _MODEL.fullmatch(text)) is not None:
            self.model = found[1]
            self.first_model = self.first_model or found[1]
            self._note("edit_format", found[2])
            self._note("weak_model", found[3])
        elif (found := _WEAK.fullmatch(text)) is not None:
            self._note("weak_model", found[1])
        elif (found := _VERSION.fullmatch(text)) is not None:
            self._note("tool_version", found[1])
        elif (found := _FOLDER.fullmatch(text)) is not None:
            self._note("cwd", found[1])
        return None

    def command(self, text: str) -> None:
        """The first line behind a header: how aider was called."""
        if _COMMAND.fullmatch(text) is not None:
            self._note("command", text)

    def _note(self, key: str, value: str | None) -> None:
        if value:
            self.metadata.setdefault(key, value)


def usage_in(text: str) -> Usage | None:
    """The usage in a ``Tokens:`` line. What is sent to the cache is part of what is sent."""
    found = _TOKENS.fullmatch(text)
    if found is None:
        return None
    sent, _, hit, received = (_amount(found[i]) for i in range(1, 5))
    cost = Decimal(found[5].replace(",", "")) if found[5] else None
    return Usage(input_tokens=sent, output_tokens=received, cached_tokens=hit, cost_usd=cost)


def _amount(text: str | None) -> int:
    """A number of tokens such as 7,574 or 1.5k."""
    if not text:
        return 0
    unit = _UNITS.get(text[-1], 1)
    digits = text.rstrip("kM").replace(",", "")
    if digits.count(".") > 1 or len(digits) > 20:
        return 0
    return min(int(Decimal(digits) * unit), _MOST)
