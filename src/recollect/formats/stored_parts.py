"""What readers of other programs' stores share: attachments as parts, JSON columns as values."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import quote

from ..model import BlobPart, OtherPart, Part, UriPart
from .jsonstream import decode
from .values import dict_of, int_of

_MODALITIES = ("image", "audio", "video")


def modality_of(mime_type: str | None) -> str | None:
    """The kind of content that a MIME type names: image, audio, video, or None."""
    kind = (mime_type or "").split("/", 1)[0]
    return kind if kind in _MODALITIES else None


def attachment(
    content: bytes | None,
    url: str | None,
    path: str | None,
    mime_type: str | None,
    modality: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> Part:
    """An attachment: its bytes where they are known, else where it is to be found."""
    modality = modality or modality_of(mime_type)
    if content is not None:
        return BlobPart(content, mime_type, modality, None, metadata)
    if url:
        return UriPart(url, mime_type, modality, metadata)
    if path:
        return UriPart(file_uri(path), mime_type, modality, metadata)
    return OtherPart("attachment", {"mime_type": mime_type} if mime_type else {}, metadata)


def file_uri(path: str) -> str:
    """A path as an address; a relative one stays as it is."""
    if path.startswith("/"):
        return "file://" + quote(path, errors="replace")
    return path


def from_base64(text: str) -> bytes | None:
    """The bytes that a text stands for, None when it is no base64."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def json_of(column: object) -> Any:
    """The value of a column that holds JSON text; None for none, and for what is no JSON."""
    if isinstance(column, bytes):
        raw = column
    elif isinstance(column, str):
        raw = column.encode("utf-8", "surrogatepass")
    else:
        return None
    try:
        return decode(raw)
    except ValueError:
        return None


def as_text(column: object) -> str:
    """A column that should hold text, as text."""
    if isinstance(column, str):
        return column
    if isinstance(column, bytes):
        return column.decode("utf-8", "replace")
    return "" if column is None else str(column)


def id_of(column: object) -> str | None:
    """A column that should hold an id; None when it is empty."""
    return as_text(column) or None


def cached_and_reasoning(details: object) -> tuple[int, int]:
    """Tokens read from a cache and spent on thinking, by the names that providers give them."""
    cached = (
        int_of(details, "prompt_tokens_details", "cached_tokens")
        or int_of(details, "input_tokens_details", "cached_tokens")
        or int_of(details, "cache_read_input_tokens")
        or int_of(details, "cachedContentTokenCount")
    )
    reasoning = (
        int_of(details, "completion_tokens_details", "reasoning_tokens")
        or int_of(details, "output_tokens_details", "reasoning_tokens")
        or int_of(dict_of(details), "thoughtsTokenCount")
    )
    return max(0, cached or 0), max(0, reasoning or 0)
