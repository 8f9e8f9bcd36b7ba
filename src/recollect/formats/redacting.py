"""Secrets in what is exported become ``[redacted]``.

What is looked for, in texts, reasoning, tool arguments and results, addresses, names and metadata:

- private keys in PEM and OpenPGP blocks, age keys;
- keys and tokens whose form gives them away: OpenAI, Anthropic, Google, AWS, GitHub, GitLab, Slack,
  Stripe, Hugging Face, npm, PyPI, SendGrid, DigitalOcean, Telegram and others, JSON web tokens;
- ``Authorization`` and ``Cookie`` headers, ``Bearer`` tokens;
- what is assigned to a name that ends in password, secret, token, key and the like, in code, JSON,
  environment files, query strings and command lines;
- passwords in addresses (``https://name:password@host``);
- e-mail addresses;
- the names of people's home folders.

Contents of pictures and other binary parts, ids, and secrets of no known form stay as they are.
"""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from ..model import (
    BlobPart,
    Message,
    OtherPart,
    Part,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)

MARK = "[redacted]"

_NAMES = (
    r"passw(?:or)?d|passphrase|passwd|pwd|secret|token|credentials?|api[_-]?key|access[_-]?key(?:[_-]?id)?"
    r"|private[_-]?key|secret[_-]?key|encryption[_-]?key|signing[_-]?key|account[_-]?key|auth[_-]?key"
    r"|connection[_-]?string"
)
_KEY = re.compile(rf"(?:.*(?:{_NAMES})s?|.*authorization|(?:set-)?cookies?)", re.IGNORECASE | re.DOTALL)
"""Names in JSON whose texts are secrets."""

_WORD = r"[^\s\"'`,;&|(){}\[\]<>\\]"
_PLAIN = r"(?!(?:null|none|true|false|undefined|string|str|redacted)\b|\$[A-Z_{(])"
"""No secrets: words of programming languages, and variables of shells."""

PATTERNS: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (
        "private key",
        re.compile(
            r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
            r".*?(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----|\Z)",
            re.DOTALL,
        ),
        MARK,
    ),
    (
        "key or token of a known form",
        re.compile(
            r"(?<![A-Za-z0-9])(?:"
            r"[spr]k[-_](?=[\w-]*\d)[\w-]{12,}"
            r"|AIza[\w-]{30,}|ya29\.[\w-]{16,}|GOCSPX-[\w-]{20,}"
            r"|(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16}"
            r"|gh[opsur]_[A-Za-z0-9]{16,}|github_pat_\w{16,}|gl(?:pat|ptt|dt|rt)-[\w-]{16,}"
            r"|xox[a-z]-[\w-]{8,}|xapp-[\w-]{8,}|https://hooks\.slack\.com/services/[\w/]+"
            r"|(?:hf|gsk|npm|r8|nvapi|pplx|tvly|lsv2|xai|fw|csk|whsec|dckr_pat|dop_v1|doo_v1|shpat|sntrys)"
            r"[_-][\w-]{16,}"
            r"|pypi-[\w-]{16,}|SG\.[\w-]{12,}\.[\w-]{12,}|\d{8,10}:AA[\w-]{30,}|AGE-SECRET-KEY-1[A-Z0-9]{20,}"
            r"|eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"
            r")",
            re.ASCII,
        ),
        MARK,
    ),
    (
        "header",
        re.compile(
            r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key)(\\?[\"']?\s{0,3}:\s{0,3})[^\r\n\"']+"
        ),
        rf"\1\2{MARK}",
    ),
    (
        "bearer token",
        re.compile(r"(?i)\b(bearer|basic)\s{1,3}(?=[\w.~+/-]*\d)[\w.~+/=-]{12,}", re.ASCII),
        rf"\1 {MARK}",
    ),
    (
        "quoted value of a telling name",
        re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s{{0,3}}[:=]\s{{0,3}})(\\?[\"'])(?:(?!\2)(?:\\.|[^\r\n]))+"),
        rf"\1\2{MARK}",
    ),
    (
        "value of a telling name",
        re.compile(rf"(?i)((?:{_NAMES})\\?[\"']?\s{{0,3}}[:=]\s{{0,3}}){_PLAIN}{_WORD}{{4,}}+(?![(\[])"),
        rf"\1{MARK}",
    ),
    (
        "argument of a telling option",
        re.compile(rf"(?i)(--?[\w-]{{0,30}}(?:{_NAMES})\s{{1,3}}[\"']?)(?!-){_PLAIN}{_WORD}{{4,}}"),
        rf"\1{MARK}",
    ),
    (
        "password in an address",
        re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}://)[^\s/?#:@\"'<>]{0,128}:[^\s/@\"'<>]{1,256}@"),
        rf"\1{MARK}@",
    ),
    (
        "e-mail address",
        re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])"),
        MARK,
    ),
    (
        "home folder",
        re.compile(
            r"(/home/|/Users/|\b[A-Za-z]:(?:\\{1,4}|/)(?:Users|Documents and Settings)(?:\\{1,4}|/))"
            r"[^\s/\\\"'`:;,<>|()\[\]{}]+"
        ),
        rf"\1{MARK}",
    ),
    ("home folder in a name", re.compile(r"(?<!\w)-(home|Users)-\w+(?=-)"), rf"-\1-{MARK}"),
)
"""What a pattern finds, the pattern, and what comes in its place; applied in this order."""


def redact_text(text: str) -> str:
    """``text`` with the secrets in it replaced."""
    for _, pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def redact_value(value: Any) -> Any:
    """A JSON value with the secrets in its texts and keys replaced, and all texts under telling keys."""
    root = [value]
    waiting: list[Any] = [(root, False)]
    while waiting:  # no recursion: values may be nested deeply
        holder, secret = waiting.pop()
        for key, item in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            hidden = secret or (isinstance(key, str) and _KEY.fullmatch(key) is not None)
            if isinstance(item, str):
                holder[key] = MARK if hidden and item else redact_text(item)
            elif isinstance(item, dict):
                holder[key] = _with_safe_keys(item)
                waiting.append((holder[key], hidden))
            elif isinstance(item, list):
                holder[key] = list(item)
                waiting.append((holder[key], hidden))
    return root[0]


def _with_safe_keys(item: dict[str, Any]) -> dict[str, Any]:
    """A copy in which keys that hold secrets are replaced; none takes another's place."""
    found: dict[str, Any] = {}
    for key, value in item.items():
        name = redact_text(key)
        count = 2
        while name in found:
            name = f"{redact_text(key)} {count}"
            count += 1
        found[name] = value
    return found


def redact_message(message: Message) -> Message:
    """A message with the secrets in its parts and metadata replaced."""
    parts = tuple(map(_redact_part, message.parts))
    return replace(message, parts=parts, metadata=redact_value(message.metadata))


def _redact_part(part: Part) -> Part:
    metadata = redact_value(part.metadata)
    if isinstance(part, TextPart | ReasoningPart):
        return replace(part, content=redact_text(part.content), metadata=metadata)
    if isinstance(part, ToolCallPart):
        return replace(part, arguments=redact_value(part.arguments), metadata=metadata)
    if isinstance(part, ToolCallResponsePart):
        return replace(part, response=redact_value(part.response), metadata=metadata)
    if isinstance(part, UriPart):
        return replace(part, uri=redact_text(part.uri), metadata=metadata)
    if isinstance(part, OtherPart):
        return replace(part, value=redact_value(part.value), metadata=metadata)
    if isinstance(part, BlobPart) and (part.mime_type or "").startswith("text/"):
        text = redact_text(part.content.decode("utf-8", "surrogateescape"))
        content = text.encode("utf-8", "surrogateescape")
        return replace(part, content=content, digest=None, metadata=metadata)
    return replace(part, metadata=metadata)


def redact_info(info: SessionInfo) -> SessionInfo:
    """A session's attributes with the secrets in them replaced. The preview is left out: cut short,
    a secret has no form any more."""
    return replace(
        info,
        name=redact_value(info.name),
        summary=redact_value(info.summary),
        system_prompt=redact_value(info.system_prompt),
        tags=tuple(map(redact_text, info.tags)),
        metadata=redact_value(info.metadata),
        preview="",
    )
