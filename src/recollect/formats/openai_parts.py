"""Pieces of OpenAI chat messages ⇄ parts.

Every piece is turned back after it was read; where that does not give the same JSON values, what
is missing is kept in the part's metadata under ``openai_chat``, or the piece is kept whole.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import Any

import msgspec

from ..codec import dumps
from ..model import BlobPart, FilePart, OtherPart, Part, TextPart, ToolCallPart, UriPart
from .jsonstream import decode

KEPT = "openai_chat"
"""The metadata key under which stands what only this format knows."""

_DATA_URL = re.compile(r"data:([\w.+/-]+);base64,", re.A)
_AUDIO_MIME = {"wav": "audio/wav", "mp3": "audio/mpeg"}
_AUDIO_FORMAT = {mime: name for name, mime in _AUDIO_MIME.items()}


def kept(metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What this format put aside in a part's or message's metadata."""
    found = (metadata or {}).get(KEPT)
    return found if isinstance(found, dict) else {}


def read_piece(piece: Any) -> Part:
    """A member of a content list as a part."""
    part = _read_known(piece)
    if part is not None and write_piece(part) == piece:
        return part
    if isinstance(piece, dict) and piece.get("type") == "text" and isinstance(piece.get("text"), str):
        rest = {key: value for key, value in piece.items() if key not in ("type", "text")}
        return TextPart(piece["text"], {KEPT: rest})
    kind = piece.get("type") if isinstance(piece, dict) else None
    return OtherPart(kind if isinstance(kind, str) else "unknown", piece)


def _read_known(piece: Any) -> Part | None:
    """The part for a piece of a known type in its plain form; None for anything else."""
    match piece:
        case {"type": "text", "text": str(text)}:
            return TextPart(text)
        case {"type": "image_url", "image_url": {"url": str(url)} as image}:
            rest = {key: value for key, value in image.items() if key != "url"}
            return _from_url(url, {KEPT: rest} if rest else None)
        case {"type": "input_audio", "input_audio": {"data": str(data), "format": str(name)}}:
            content = _from_base64(data)
            mime = _AUDIO_MIME.get(name)
            return None if content is None or mime is None else BlobPart(content, mime, "audio")
        case {"type": "file", "file": {"file_id": str(file_id)}}:
            return FilePart(file_id)
        case {"type": "file", "file": {"file_data": str(url), "filename": str(name)}}:
            blob = _from_url(url, {KEPT: {"filename": name}})
            return msgspec.structs.replace(blob, modality=None) if isinstance(blob, BlobPart) else None
    return None


def _from_url(url: str, metadata: dict[str, Any] | None) -> Part:
    data = _DATA_URL.match(url)
    content = _from_base64(url[data.end() :]) if data else None
    if data is None or content is None:
        return UriPart(url, None, "image", metadata)
    return BlobPart(content, data[1], "image", None, metadata)


def _from_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def write_piece(part: Part) -> Any:
    """A part as a member of a content list."""
    own = kept(part.metadata)
    if isinstance(part, TextPart):
        return {"type": "text", "text": part.content, **own}
    if isinstance(part, OtherPart):
        return part.value
    if isinstance(part, FilePart):
        return {"type": "file", "file": {"file_id": part.file_id}}
    if isinstance(part, UriPart):
        return {"type": "image_url", "image_url": {"url": part.uri, **own}}
    if isinstance(part, BlobPart):
        return _write_blob(part, own)
    return {"type": "text", "text": dumps(part.to_dict()).decode()}


def _write_blob(part: BlobPart, own: dict[str, Any]) -> Any:
    data = base64.b64encode(part.content).decode()
    if part.mime_type in _AUDIO_FORMAT:
        return {"type": "input_audio", "input_audio": {"data": data, "format": _AUDIO_FORMAT[part.mime_type]}}
    url = f"data:{part.mime_type or 'application/octet-stream'};base64,{data}"
    if part.modality == "image" or (part.mime_type or "").startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url, **own}}
    return {"type": "file", "file": {"file_data": url, "filename": own.get("filename", "file")}}


def read_call(call: Any, made_id: str) -> Part:
    """A member of ``tool_calls`` as a part; ``made_id`` pairs it where it has no id."""
    match call:
        case {"function": {"name": str(name), "arguments": str(text)}}:
            call_id = call.get("id")
            own: dict[str, Any] = {}
            if not isinstance(call_id, str):
                own["made_id"], call_id = True, made_id
            value, exact = read_arguments(text)
            if not exact:
                own["arguments"] = text
            part = ToolCallPart(name, value, call_id, {KEPT: own} if own else None)
            if write_call(part) == call:
                return part
            own["call"] = _without_arguments(call)
            return ToolCallPart(name, value, call_id, {KEPT: own})
    return OtherPart("tool_call", call)


def _without_arguments(call: dict[str, Any]) -> dict[str, Any]:
    function = {key: value for key, value in call["function"].items() if key != "arguments"}
    return {**call, "function": function}


def write_call(part: Part) -> Any:
    """A tool call as a member of ``tool_calls``."""
    if not isinstance(part, ToolCallPart):
        return part.value if isinstance(part, OtherPart) else None
    own = kept(part.metadata)
    if "call" in own:
        function = {**own["call"]["function"], "arguments": write_arguments(part)}
        return {**own["call"], "function": function}
    call: dict[str, Any] = {"id": part.id}
    if part.id is None or own.get("made_id"):
        del call["id"]
    call["type"] = "function"
    call["function"] = {"name": part.name, "arguments": write_arguments(part)}
    return call


def read_arguments(text: str) -> tuple[Any, bool]:
    """Arguments from their JSON text, and whether the compact JSON of the value is that text.
    What is no JSON stays text."""
    try:
        value = decode(text.encode())
        return value, dumps(value).decode() == text
    except ValueError:  # no JSON, or nothing that JSON can say again
        return text, False


def write_arguments(part: ToolCallPart) -> str:
    """A call's arguments as JSON text, the source's own where it was kept."""
    text = kept(part.metadata).get("arguments")
    if isinstance(text, str):
        return text
    raw = dumps(part.arguments)
    return raw.decode()


def canonical(value: Any) -> bytes:
    """JSON with sorted keys, for hashing: equal values, equal bytes."""
    try:
        return msgspec.json.encode(value, order="sorted")
    except UnicodeEncodeError:  # lone surrogates have no UTF-8
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
