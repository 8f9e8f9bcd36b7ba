"""Images, audio and files of ChatGPT exports: parts for the pointers to them.

The bytes are other files of the same export, named by the pointer's id and something behind it:
right beside the conversations, in ``dalle-generations`` or in the conversation's ``audio`` folder.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_left
from typing import Any

from ..model import BlobPart, Part, UriPart
from .base import Beside
from .values import dict_of, name_of, text_of

POINTERS = {
    "image_asset_pointer": "image",
    "audio_asset_pointer": "audio",
    "video_container_asset_pointer": "video",
}
"""The kinds of pieces that point to a file, with what it holds."""

_ID = re.compile(r"(?:[a-z][a-z-]*://)?([A-Za-z0-9_-]{8,200})(?:#.*)?\Z", re.S)
_DATA = re.compile(r"data:([^;,]{0,100});base64,", re.I)
_MAGIC = (
    (re.compile(rb"\x89PNG"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8"), "image/gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.S), "image/webp"),
    (re.compile(rb"RIFF.{4}WAVE", re.S), "audio/wav"),
    (re.compile(rb"ID3|\xff[\xf2\xf3\xfb]"), "audio/mpeg"),
    (re.compile(rb".{4}ftypM4A", re.S), "audio/mp4"),
    (re.compile(rb".{4}ftyp", re.S), "video/mp4"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"%PDF-"), "application/pdf"),
)


class Assets:
    """Finds the files that a conversation's pointers mean."""

    def __init__(self, beside: Beside | None, conversation_id: str | None) -> None:
        self._beside = beside
        self._folders = ["", "dalle-generations", "audio"]
        if conversation_id and _ID.match(conversation_id):
            self._folders.append(f"{conversation_id}/audio")
        self._names: dict[str, list[str]] = {}

    def part(self, piece: dict[str, Any]) -> Part | None:
        """A pointer as bytes or, when they are not there, as an address; None for another piece."""
        kind = text_of(piece, "content_type")
        pointer = name_of(piece, "asset_pointer")
        if kind not in POINTERS or pointer is None:
            return None
        rest = {key: value for key, value in piece.items() if key not in ("asset_pointer", "content_type")}
        inline = _inline(pointer)
        if inline is not None:
            content, mime_type = inline
            return BlobPart(content, mime_type, POINTERS[kind], metadata={"chatgpt": rest} if rest else None)
        found = self._find(pointer)
        if found is None:
            return UriPart(pointer, None, POINTERS[kind], {"chatgpt": rest} if rest else None)
        name, content = found
        own = {**rest, "asset_pointer": pointer, "file": name}
        return BlobPart(content, _mime_type(content), POINTERS[kind], metadata={"chatgpt": own})

    def _find(self, pointer: str) -> tuple[str, bytes] | None:
        match = _ID.match(pointer)
        if self._beside is None or match is None:
            return None
        asset = match[1]
        bare = asset.removeprefix("file-").removeprefix("file_")
        for folder in self._folders:
            for stem in dict.fromkeys((asset, f"file-{bare}", bare)):
                name = self._named(folder, stem)
                content = None if name is None else self._beside.read(name)
                if name is not None and content is not None:
                    return name, content
        return None

    def _named(self, folder: str, stem: str) -> str | None:
        """The path of the file in a folder whose name is ``stem`` and something behind it."""
        assert self._beside is not None
        if folder not in self._names:
            self._names[folder] = self._beside.names(folder)
        names = self._names[folder]
        place = bisect_left(names, stem)
        while place < len(names) and names[place].startswith(stem):
            if not names[place][len(stem) : len(stem) + 1].isalnum():
                return f"{folder}/{names[place]}" if folder else names[place]
            place += 1
        return None


def pointer_of(part: Part) -> dict[str, Any] | None:
    """The piece that stands for a part with bytes or an address; None for another part. Bytes are
    written into the pointer, also those that were in a file: a lone JSON file has nothing beside it."""
    if isinstance(part, BlobPart):
        encoded = base64.b64encode(part.content).decode()
        pointer = f"data:{part.mime_type or 'application/octet-stream'};base64,{encoded}"
    elif isinstance(part, UriPart):
        pointer = part.uri
    else:
        return None
    kinds = [kind for kind, modality in POINTERS.items() if modality == part.modality]
    own = dict_of(part.metadata, "chatgpt")
    rest = {key: value for key, value in own.items() if key not in ("asset_pointer", "file")}
    return {"content_type": kinds[0] if kinds else "image_asset_pointer", **rest, "asset_pointer": pointer}


def _inline(pointer: str) -> tuple[bytes, str] | None:
    """The bytes that a pointer itself holds, and their type."""
    match = _DATA.match(pointer)
    if match is None:
        return None
    try:
        return base64.b64decode(pointer[match.end() :], validate=True), match[1]
    except (binascii.Error, ValueError):
        return None


def _mime_type(content: bytes) -> str | None:
    head = content[:16]
    return next((mime for pattern, mime in _MAGIC if pattern.match(head)), None)
