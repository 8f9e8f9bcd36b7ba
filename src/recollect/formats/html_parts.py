"""The parts of a message as HTML: words in the open, tools and reasoning folded."""

from __future__ import annotations

import base64
import binascii
import json
import re

from ..model import (
    BlobPart,
    FilePart,
    Message,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from .html_text import LONGEST_CODE, code, escape, link, markdown
from .showing import has_failed, hint_of, one_line, picture_type, safe, size, tool_text

_DATA_URI = re.compile(r"data:([\w.+-]+/[\w.+-]+);base64,([A-Za-z0-9+/=\s]+)", re.ASCII)
_DIFF = re.compile(r"(?:diff --git |--- [^\n]*\n\+\+\+ |@@ -\d)")


def part_html(part: Part, message: Message) -> str:
    """One part."""
    if isinstance(part, TextPart):
        return markdown(safe(part.content), breaks=message.role == "user")
    if isinstance(part, ReasoningPart):
        text = safe(part.content)
        return folded("Reasoning", markdown(text), "reasoning", hint=hint_of(text))
    if isinstance(part, ToolCallPart):
        text = tool_text(part)
        language = "" if isinstance(part.arguments, str) else "json"
        hint = hint_of(part.arguments)
        return folded("Tool call", code(text, language), "call", name=part.name, call=part.id, hint=hint)
    if isinstance(part, ToolCallResponsePart):
        return _answer(part)
    if isinstance(part, BlobPart):
        return _blob(part)
    if isinstance(part, UriPart):
        return _uri(part)
    if isinstance(part, FilePart):
        return f'<p class="attachment">File <code>{escape(one_line(part.file_id))}</code></p>\n'
    return folded("Other", code(tool_text(part), "json"), "other", name=part.kind)


def _answer(part: ToolCallResponsePart) -> str:
    text = tool_text(part)
    language = "" if isinstance(part.response, str) else "json"
    if not language and _DIFF.match(text):
        language = "diff"
    elif not language and text[:1] in ("{", "[") and _is_json(text):
        language = "json"
    failed = has_failed(part)
    label, kind = ("Tool result: failed", "answer failed") if failed else ("Tool result", "answer")
    return folded(label, code(text, language), kind, call=part.id, hint=hint_of(part.response))


def _is_json(text: str) -> bool:
    if len(text) > LONGEST_CODE:
        return False  # it would not be coloured anyway
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def folded(
    label: str, body: str, kind: str, *, name: str | None = None, call: str | None = None, hint: str = ""
) -> str:
    """Something that a click opens."""
    title = f' title="{escape(one_line(call))}"' if call else ""
    named = f" <code>{escape(one_line(name))}</code>" if name else ""
    more = f" · {escape(hint)}" if hint else ""
    return f'<details class="{kind}"><summary{title}>{label}{named}{more}</summary>\n{body}</details>\n'


def _blob(part: BlobPart) -> str:
    kind = picture_type(part.mime_type, part.content)
    if kind is not None:
        return _picture(kind, part.content)
    about = f"<code>{escape(one_line(part.mime_type or 'data'))}</code>, {size(len(part.content))}"
    return f'<p class="attachment">Attachment {about}</p>\n'


def _uri(part: UriPart) -> str:
    found = _DATA_URI.fullmatch(part.uri)
    if found is not None:
        try:
            content = base64.b64decode(found[2])
        except binascii.Error:
            content = b""
        return _blob(BlobPart(content, found[1], part.modality))
    address = one_line(part.uri)
    return f'<p class="attachment">Link {link(address, address)}</p>\n'


def _picture(kind: str, content: bytes) -> str:
    data = base64.b64encode(content).decode()
    return f'<p><img src="data:{kind};base64,{data}" alt="{kind}, {size(len(content))}"></p>\n'
