"""Items of Codex rollouts as parts of messages."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any

from ..model import (
    BlobPart,
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
)
from .codex_records import Payload
from .jsonstream import decode
from .openai_parts import read_arguments
from .values import dict_of, int_of, number_of, text_of, value_of

_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,", re.A)
_TEXTS = ("input_text", "output_text", "text")
_EXIT = re.compile(r"^Process exited with code (-?\d{1,9})$", re.M)
_HEAD = 600
"""How far into an output its own note of the exit code may stand."""


def content_parts(content: Any, metadata: dict[str, Any] | None = None) -> list[Part]:
    """The content of a message as parts; ``metadata`` goes with the texts."""
    if isinstance(content, str):
        return [TextPart(content, metadata)]
    if isinstance(content, list):
        return [_piece(piece, metadata) for piece in content]
    return [] if content is None else [OtherPart("content", content)]


def _piece(piece: Any, metadata: dict[str, Any] | None) -> Part:
    kind = text_of(piece, "type") or "unknown"
    text = text_of(piece, "text")
    if kind in _TEXTS and text is not None:
        return TextPart(text, metadata)
    return _image(piece) or OtherPart(kind, piece)


def _image(piece: Any) -> Part | None:
    """An image of a content list; None for what is none."""
    url = text_of(piece, "image_url") or text_of(piece, "image_url", "url")
    return None if url is None else image_part(url)


def image_part(url: str) -> Part:
    """An image by its address, which may hold the image itself."""
    data = _DATA_URL.match(url)
    if data is not None:
        try:
            return BlobPart(base64.b64decode(url[data.end() :], validate=True), data[1], "image")
        except (binascii.Error, ValueError):
            return UriPart(url, data[1], "image")
    return UriPart(url, None, "image")


def reasoning_part(item: Payload) -> ReasoningPart:
    """What the model thought, as far as the file shows it; the sealed form goes to the metadata."""
    texts = [
        text
        for pieces in (item.summary, item.content)
        if isinstance(pieces, list)
        for piece in pieces
        if (text := text_of(piece, "text")) is not None
    ]
    sealed = item.encrypted_content
    metadata = {"encrypted_content": sealed} if isinstance(sealed, str) and sealed else None
    return ReasoningPart("\n\n".join(texts), metadata)


def call_part(item: Payload, kind: str) -> ToolCallPart:
    """A call of any kind; those that are not plain functions say so in their metadata."""
    arguments = item.arguments
    if kind in ("function_call", "tool_call"):
        name = item.name if isinstance(item.name, str) else text_of(item.function, "name")
    elif kind == "custom_tool_call":
        name, arguments = item.name if isinstance(item.name, str) else None, item.input
    else:
        name = kind.removesuffix("_call")
        arguments = item.action if arguments is None else arguments
        if arguments is None and isinstance(item.revised_prompt, str):
            arguments = {"prompt": item.revised_prompt}
    if isinstance(arguments, str) and kind != "custom_tool_call":
        arguments = read_arguments(arguments)[0]
    own: dict[str, Any] = {} if kind == "function_call" else {"type": kind}
    if isinstance(item.namespace, str):
        own["namespace"] = item.namespace
    if isinstance(item.status, str) and item.status != "completed":
        own["status"] = item.status
    call_id = item.call_id if isinstance(item.call_id, str) else item.id
    return ToolCallPart(
        name or "unknown",
        arguments,
        call_id if isinstance(call_id, str) else None,
        {"codex": own} if own else None,
    )


def output_parts(item: Payload) -> tuple[list[Part], dict[str, Any]]:
    """A tool's answer, images behind it, and what is known of how the tool fared."""
    output = item.output
    for other in (item.tools, item.result):
        output = other if output is None else output
    facts: dict[str, Any] = {}
    if isinstance(output, str):
        output = _from_text(output, facts)
    elif isinstance(output, dict):
        if isinstance(output.get("success"), bool):
            facts["failed"] = not output["success"]
        if "content" in output:
            output = output["content"]
        elif "type" in output and "text" in output:
            output = [output]
    images: list[Part] = []
    if isinstance(output, list):
        output = _from_pieces(output, images)
    call_id = item.call_id if isinstance(item.call_id, str) else None
    return [ToolCallResponsePart(output, call_id), *images], facts


def _from_text(text: str, facts: dict[str, Any]) -> str:
    """An output that is text, or text and facts in JSON."""
    if text.startswith('{"output":'):
        try:
            value = decode(text.encode("utf-8", "surrogatepass"))
        except ValueError:
            return text
        inner = text_of(value, "output")
        if inner is not None and value.keys() <= {"output", "metadata"}:
            _note_exit(facts, int_of(value, "metadata", "exit_code"))
            _note_duration(facts, number_of(value, "metadata", "duration_seconds"))
            return inner
        return text
    found = _EXIT.search(text, 0, _HEAD)
    if found is not None:
        _note_exit(facts, int(found[1]))
    return text


def _from_pieces(pieces: list[Any], images: list[Part]) -> Any:
    """An output that is a list: a text alone as text; images are taken out."""
    rest: list[Any] = []
    for piece in pieces:
        image = _image(piece)
        if image is None:
            rest.append(piece)
        else:
            images.append(image)
    only = text_of(rest[0], "text") if len(rest) == 1 else None
    return only if only is not None and text_of(rest[0], "type") in _TEXTS else rest


def _note_exit(facts: dict[str, Any], code: int | None) -> None:
    if code is not None:
        facts["exit_code"] = code
        facts["failed"] = code != 0


def _note_duration(facts: dict[str, Any], seconds: float | None, nanos: float = 0) -> None:
    if seconds is not None and 0 <= seconds < 1e9 and 0 <= nanos < 1e9:
        facts["duration_ms"] = round(seconds * 1000 + nanos / 1_000_000)


def event_facts(kind: str, event: Any) -> dict[str, Any]:
    """What the event at a tool's end says of how it fared; ``event`` is its fields."""
    facts: dict[str, Any] = {}
    _note_exit(facts, int_of(event, "exit_code"))
    _note_duration(facts, number_of(event, "duration", "secs"), number_of(event, "duration", "nanos") or 0)
    success = value_of(event, "success")
    if isinstance(success, bool):
        facts["failed"] = not success
    result = dict_of(event, "result")
    if "Err" in result or value_of(result, "Ok", "isError") is True or value_of(result, "isError") is True:
        facts["failed"] = True
    if kind in ("exec_command_end", "CommandExecution", "FileChange") and "failed" not in facts:
        facts["failed"] = text_of(event, "status") == "failed"
    return facts
