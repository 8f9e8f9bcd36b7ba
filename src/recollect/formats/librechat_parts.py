"""Messages of LibreChat → answers with parts."""

from __future__ import annotations

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
    UriPart,
    Usage,
)
from .openai_parts import read_arguments, read_piece
from .replies import Answer
from .times import from_iso
from .values import bool_of, chosen, count_of, dict_of, is_empty, list_of, name_of, text_of, value_of

_KEPT = ("endpoint", "finish_reason", "isEdited", "feedback")
_FLAGS = ("error", "unfinished")


def read_message(value: dict[str, Any], message_id: str) -> Answer:
    """A message of the tree, without those below it."""
    role = _role(value)
    parts = _parts(list_of(value, "content"))
    if not parts and isinstance(value.get("text"), str):
        parts = [TextPart(value["text"])]
    parts += [_file(file) for key in ("files", "attachments") for file in list_of(value, key)]
    own = chosen(value, *_KEPT)
    own.update({flag: True for flag in _FLAGS if value.get(flag) is True})
    sender = name_of(value, "sender")
    if sender is not None and sender.lower() != role:
        own["sender"] = sender
    usage = Usage(count_of(value, "promptTokens"), count_of(value, "tokenCount"))
    return Answer(
        message_id,
        role,
        parts,
        from_iso(value.get("createdAt")),
        name_of(value, "model") if role == "assistant" else None,
        usage if role == "assistant" and usage != Usage() else None,
        {"librechat": own} if own else None,
    )


def _role(value: dict[str, Any]) -> Role:
    by_user = bool_of(value, "isCreatedByUser")
    if by_user is None:
        by_user = (text_of(value, "sender") or "").lower() == "user"
    return "user" if by_user else "assistant"


def _parts(pieces: list[Any]) -> list[Part]:
    """A content's parts in order. Results of calls in a row stand behind the last of these calls."""
    parts: list[Part] = []
    results: list[Part] = []
    for piece in pieces:
        call = dict_of(piece, "tool_call")
        if text_of(piece, "type") == "tool_call" and call:
            parts.append(_call(call))
            if not is_empty(call.get("output")):
                name = name_of(call, "name")
                own = None if name is None else {"name": name}
                results.append(ToolCallResponsePart(call["output"], name_of(call, "id"), own))
            continue
        parts += results
        results = []
        parts.append(_piece(piece))
    return parts + results


def _call(call: dict[str, Any]) -> Part:
    arguments = call.get("args")
    if isinstance(arguments, str):
        arguments, _ = read_arguments(arguments)
    return ToolCallPart(name_of(call, "name") or "", arguments, name_of(call, "id"))


def _piece(piece: Any) -> Part:
    kind = text_of(piece, "type")
    if kind in ("text", "think", "error"):
        said = value_of(piece, kind)
        text = said if isinstance(said, str) else text_of(said, "value")
        if text is not None:
            return ReasoningPart(text) if kind == "think" else TextPart(text)
    if kind == "image_file":
        image = dict_of(piece, "image_file")
        uri, file_id = name_of(image, "filepath"), name_of(image, "file_id")
        if file_id is not None:
            return FilePart(
                file_id, name_of(image, "type"), "image", chosen(image, "filename", "filepath") or None
            )
        if uri is not None:
            return UriPart(uri, None, "image")
    if kind == "image_url":
        return read_piece(piece)
    return OtherPart(kind or "content", piece)


def _file(file: Any) -> Part:
    file_id = name_of(file, "file_id")
    if file_id is None:
        return OtherPart("file", file)
    mime_type = name_of(file, "type")
    modality = "image" if mime_type is not None and mime_type.startswith("image/") else None
    return FilePart(file_id, mime_type, modality, chosen(file, "filename", "filepath") or None)
