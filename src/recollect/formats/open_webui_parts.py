"""Messages of Open WebUI → answers with parts, from ``output`` where it is there, else ``content``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..model import (
    FilePart,
    OtherPart,
    Part,
    ReasoningPart,
    Role,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from .open_webui_details import decoded_text, read_text
from .openai_parts import read_piece
from .replies import Answer
from .times import from_unix, from_unix_ms
from .values import (
    chosen,
    count_of,
    dict_of,
    dicts_of,
    is_empty,
    list_of,
    name_of,
    number_of,
    text_of,
    value_of,
)

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_KEPT = ("modelName", "modelIdx", "models", "error", "merged", "annotation")
_MILLISECONDS = 100_000_000_000


def read_message(value: dict[str, Any], message_id: str) -> Answer:
    """A message of the history."""
    role = ROLES.get(text_of(value, "role") or "", "assistant")
    parts = _from_output(list_of(value, "output")) if role == "assistant" else []
    if not parts:
        parts = _from_content(value.get("content"), role)
    parts += [_file(file) for file in list_of(value, "files")]
    own = chosen(value, *_KEPT)
    if value.get("done") is False:
        own["done"] = False
    sources = [
        chosen(dict_of(source, "source"), "id", "name", "url") for source in dicts_of(value, "sources")
    ]
    if any(sources):
        own["sources"] = [source for source in sources if source]
    if text_of(value, "role") not in ROLES:
        own.update(chosen(value, "role"))
    return Answer(
        message_id,
        role,
        parts,
        moment(value.get("timestamp")),
        name_of(value, "model") if role == "assistant" else None,
        _usage(value) if role == "assistant" else None,
        {"open_webui": own} if own else None,
    )


def moment(value: object) -> datetime | None:
    """A time: seconds in most places, milliseconds in some."""
    number = number_of({"at": value}, "at")
    if number is None:
        return None
    return from_unix_ms(number) if number > _MILLISECONDS else from_unix(number)


def _from_content(content: Any, role: Role) -> list[Part]:
    if isinstance(content, str):
        return read_text(content) if role == "assistant" and "<details" in content else [TextPart(content)]
    if isinstance(content, list):
        return [read_piece(piece) for piece in content]
    return [] if is_empty(content) else [OtherPart("content", content)]


def _from_output(items: list[Any]) -> list[Part]:
    """The structured form of an answer, in order."""
    parts: list[Part] = []
    for item in items:
        kind = text_of(item, "type")
        if kind == "message":
            parts += [_output_text(piece) for piece in list_of(item, "content")]
        elif kind == "reasoning":
            text = _joined(item, "content") or _joined(item, "summary") or ""
            parts.append(ReasoningPart(text, chosen(item, "duration") or None))
        elif kind == "function_call":
            arguments = decoded_text(value_of(item, "arguments"))
            parts.append(ToolCallPart(name_of(item, "name") or "", arguments, _call_id(item)))
        elif kind == "function_call_output":
            output = value_of(item, "output")
            texts = _joined(item, "output")
            failed = {"is_error": True} if text_of(item, "status") == "failed" else None
            parts.append(ToolCallResponsePart(output if texts is None else texts, _call_id(item), failed))
        else:
            parts.append(OtherPart(kind or "output", item))
    return parts


def _output_text(piece: Any) -> Part:
    text = text_of(piece, "text")
    return OtherPart(text_of(piece, "type") or "content", piece) if text is None else TextPart(text)


def _joined(item: Any, key: str) -> str | None:
    """The texts of a list of pieces that hold nothing else."""
    texts = [text_of(piece, "text") for piece in list_of(item, key)]
    return None if not texts or None in texts else "\n".join(text for text in texts if text is not None)


def _call_id(item: Any) -> str | None:
    return name_of(item, "call_id") or name_of(item, "id")


def _file(file: Any) -> Part:
    """A file given with a message: an image by its address, others by their id."""
    url, file_id = name_of(file, "url"), name_of(file, "id")
    if text_of(file, "type") == "image" and url is not None:
        return read_piece({"type": "image_url", "image_url": {"url": url}})
    if file_id is not None:
        own = chosen(file, "name", "type", "size")
        return FilePart(file_id, name_of(file, "content_type"), None, own or None)
    return OtherPart("file", file)


def _usage(value: dict[str, Any]) -> Usage | None:
    """Tokens as the server counted them: the names of OpenAI's API or of Ollama's."""
    stated = dict_of(value, "usage") or dict_of(value, "info")
    usage = Usage(
        _first(stated, "prompt_tokens", "input_tokens", "prompt_eval_count"),
        _first(stated, "completion_tokens", "output_tokens", "eval_count"),
        count_of(stated, "prompt_tokens_details", "cached_tokens"),
        count_of(stated, "completion_tokens_details", "reasoning_tokens"),
    )
    return None if usage == Usage() else usage


def _first(stated: dict[str, Any], *keys: str) -> int:
    return next((count for key in keys if (count := count_of(stated, key))), 0)
