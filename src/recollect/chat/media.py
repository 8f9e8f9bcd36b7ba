"""Pictures, files and other contents as providers take them, and as words where they do not."""

from __future__ import annotations

import mimetypes

from pydantic_ai import messages as ai

from ..model import BlobPart, FilePart, OtherPart, Part, TextPart, UriPart

_EVERYWHERE = {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf"}
"""What all providers of models that see can read."""

_BY_PROVIDER = {"google": ("audio/", "video/", "image/"), "openai": ("audio/",)}
"""What some can read beside."""


def content_of(part: Part, provider: str) -> ai.UserContent | None:
    """A part of a user's message for ``provider``: what it cannot read is named in brackets, so that an
    old message of another provider's never stops a conversation. None for nothing."""
    if isinstance(part, TextPart):
        return part.content or None
    if isinstance(part, BlobPart):
        mime = part.mime_type or "application/octet-stream"
        return (
            ai.BinaryContent(part.content, media_type=mime)
            if _taken(mime, provider)
            else _left_out(part, mime)
        )
    if isinstance(part, UriPart):
        return _address(part, provider)
    if isinstance(part, FilePart):
        return _left_out(part, part.mime_type)
    if isinstance(part, OtherPart):
        return f"[{part.kind}]"
    return None  # a user neither thinks aloud nor calls tools, and answers of tools go their own way


def blob_of(content: ai.BinaryContent) -> BlobPart:
    """Bytes from a model or a tool as they are kept."""
    return BlobPart(content.data, content.media_type, content.media_type.partition("/")[0])


def _address(part: UriPart, provider: str) -> ai.UserContent:
    if part.uri.startswith("data:"):
        try:
            content = ai.BinaryContent.from_data_uri(part.uri)
        except ValueError:
            return _left_out(part, part.mime_type)
        return content if _taken(content.media_type, provider) else _left_out(part, content.media_type)
    mime = part.mime_type or mimetypes.guess_type(part.uri)[0]
    if not part.uri.startswith(("https://", "http://")) or mime is None or not _taken(mime, provider):
        return f"[{part.modality or 'file'}: {part.uri}]"
    match mime.partition("/")[0]:
        case "image":
            return ai.ImageUrl(part.uri, media_type=mime)
        case "audio":
            return ai.AudioUrl(part.uri, media_type=mime)
        case "video":
            return ai.VideoUrl(part.uri, media_type=mime)
        case _:
            return ai.DocumentUrl(part.uri, media_type=mime)


def _taken(mime: str, provider: str) -> bool:
    return mime in _EVERYWHERE or mime.startswith(("text/", *_BY_PROVIDER.get(provider, ())))


def _left_out(part: BlobPart | FilePart | UriPart, mime: str | None) -> str:
    return f"[{part.modality or 'file'} left out{f': {mime}' if mime else ''}]"
