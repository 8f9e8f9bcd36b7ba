"""The one door that stored text passes on its way to a terminal, and its twin for JSON."""

from __future__ import annotations

import json
import re
from typing import Any

_HAZARDS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""C0 (but tab and line feed), DEL, C1, bidirectional overrides, and what UTF-8 cannot encode."""

_JSON_HAZARDS = re.compile("[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What JSON leaves as it is and terminals, line readers or UTF-8 do not take well."""


def safe(text: str) -> str:
    """``text`` with everything that could steer a terminal spelled out, such as ``\\x1b``.

    Line ends of other systems become line feeds.
    """
    return _HAZARDS.sub(_spelled, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """``text`` made safe and put on one line, white space collapsed."""
    return safe(" ".join(text.split()))


def _spelled(match: re.Match[str]) -> str:
    number = ord(match[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def json_text(value: Any, *, indent: int | None = None) -> str:
    """``value`` as JSON that is harmless on a terminal, one line long unless indented."""
    separators = None if indent else (",", ":")
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators)
    return escape_json(text)


def escape_json(text: str) -> str:
    """JSON text with hazards as ``\\u`` escapes: the same JSON, harmless on a terminal."""
    return _JSON_HAZARDS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
