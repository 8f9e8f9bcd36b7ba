"""A session to be read, as Markdown. Written only: too much is lost on paper to read it back.

Tools and reasoning are folded with ``<details>``, which GitHub, GitLab and most editors know.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable

from ..model import (
    BlobPart,
    FilePart,
    Message,
    Part,
    ReasoningPart,
    SessionInfo,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from .base import Write
from .markdown_text import code_span, contained, escaped, fenced
from .showing import (
    facts,
    has_failed,
    hint_of,
    injected,
    is_erased,
    moment,
    one_line,
    picture_type,
    safe,
    shown,
    size,
    title,
    tool_text,
    turns,
)

NAME = "markdown"


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """Front matter, a title, a table of contents, and a section for every message; ``messages`` is
    iterated twice."""
    write("---\n")
    for name, value in facts(info):
        write(f"{name}: {shown(value)}\n")
    write(f"---\n\n# {escaped(title(info))}\n")
    if info.system_prompt:
        write(f"\n{_folded('System prompt', contained(safe(info.system_prompt)))}\n")
    starts = _write_contents(messages, write)
    for number, message in enumerate(messages, 1):
        anchor = f'<a id="m{number}"></a>\n\n' if number in starts else ""
        time = moment(message.created_at)
        model = f" · {escaped(one_line(message.model))}" if message.model else ""
        write(f"\n{anchor}## {message.role.capitalize()}{model}{' · ' if time else ''}{time}\n")
        _write_body(message, write)


def _write_contents(messages: Iterable[Message], write: Write) -> set[int]:
    """A list of the turns, where there are several; gives back the places that it leads to."""
    starts = list(turns(messages))
    if len(starts) < 2:
        return set()
    write("\n**Contents**\n\n")
    for place, (number, begins) in enumerate(starts, 1):
        write(f"{place}. [{escaped(begins)}](#m{number})\n")
    return {number for number, _ in starts}


def _write_body(message: Message, write: Write) -> None:
    kind = injected(message)
    if kind is not None:
        write(f"\n<details>\n<summary>Injected: {_html(kind)}</summary>\n")
    if is_erased(message):
        write("\n*[erased]*\n")
    for part in message.parts:
        write(f"\n{_part(part)}\n")
    if kind is not None:
        write("\n</details>\n")


def _part(part: Part) -> str:
    if isinstance(part, TextPart):
        return contained(safe(part.content))
    if isinstance(part, ReasoningPart):
        return _folded("Reasoning", contained(safe(part.content)))
    if isinstance(part, ToolCallPart):
        language = "" if isinstance(part.arguments, str) else "json"
        label = f"Tool call{_name(part.name)}{_hint(part.arguments)}"
        return _folded(label, fenced(tool_text(part), language))
    if isinstance(part, ToolCallResponsePart):
        language = "" if isinstance(part.response, str) else "json"
        label = f"Tool result{': failed' if has_failed(part) else ''}{_hint(part.response)}"
        return _folded(label, fenced(tool_text(part), language))
    if isinstance(part, UriPart):
        return f"**Link** {code_span(part.uri)}"
    if isinstance(part, FilePart):
        return f"**File** {code_span(part.file_id)}"
    if isinstance(part, BlobPart):
        return _blob(part)
    return _folded(f"Other{_name(part.kind)}", fenced(tool_text(part), "json"))


def _blob(part: BlobPart) -> str:
    kind = picture_type(part.mime_type, part.content)
    if kind is None:
        return f"**Attachment** {code_span(part.mime_type or 'data')}, {size(len(part.content))}"
    data = base64.b64encode(part.content).decode()
    return f"![{kind}, {size(len(part.content))}](data:{kind};base64,{data})"


def _folded(label: str, body: str) -> str:
    """Something that a click opens; without a body its label alone. ``label`` is HTML."""
    inside = f"\n{body}\n\n" if body else ""
    return f"<details>\n<summary>{label}</summary>\n{inside}</details>"


def _name(name: str) -> str:
    return f" <code>{_html(one_line(name))}</code>"


def _hint(value: object) -> str:
    hint = hint_of(value)
    return f" · {_html(hint)}" if hint else ""


def _html(text: str) -> str:
    return html.escape(text, quote=False)
