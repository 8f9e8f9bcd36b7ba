"""What a ChatGPT message says ⇄ parts.

Text stays as it is, with the private-use marks around citations. What parts have no field for is
kept under ``chatgpt`` in their metadata, so that it can be written again.
"""

from __future__ import annotations

from typing import Any

from ..codec import dumps
from ..model import (
    OtherPart,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
)
from .chatgpt_assets import Assets
from .jsonstream import decode
from .values import dict_of, is_empty, list_of, text_of

CONTEXTS = frozenset(("user_editable_context", "model_editable_context"))
"""Contents that the application put in: who the user is, what the model remembers."""

TEXT_KEYS = {
    "code": "text",
    "execution_output": "text",
    "tether_browsing_display": "result",
    "tether_quote": "text",
    "system_error": "text",
    "reasoning_recap": "content",
}
"""Contents that are one text: the key that it stands under."""

PLAIN_ERROR = {"content_type": "system_error", "name": "error"}
"""An error that says nothing beside its text."""

_CONTEXT_TEXTS = ("user_profile", "user_instructions", "model_set_context", "repo_summary")
_LISTS = ("text", "multimodal_text")


def read_parts(content: dict[str, Any], assets: Assets) -> list[Part]:
    """A content as the parts of a message that calls no tool and answers none."""
    kind = text_of(content, "content_type")
    if kind in _LISTS or (kind is None and "parts" in content):
        return [_piece(piece, assets) for piece in list_of(content, "parts")]
    if kind == "thoughts":
        return [_thought(thought) for thought in list_of(content, "thoughts")]
    if kind in CONTEXTS:
        texts = ((key, text_of(content, key)) for key in _CONTEXT_TEXTS)
        return [TextPart(text, {"chatgpt": {"field": key}}) for key, text in texts if text]
    text = text_of(content, TEXT_KEYS.get(kind or "", ""))
    if text is None:
        return [OtherPart(kind or "content", content)] if content else []
    own = {"chatgpt": rest_of(content)}
    return [ReasoningPart(text, own)] if kind == "reasoning_recap" else [TextPart(text, own)]


def rest_of(content: dict[str, Any]) -> dict[str, Any]:
    """A content that is one text, without that text."""
    text_key = TEXT_KEYS.get(text_of(content, "content_type") or "")
    return {key: value for key, value in content.items() if key != text_key}


def _piece(piece: Any, assets: Assets) -> Part:
    """One of the parts of a text or multimodal text."""
    if isinstance(piece, str):
        return TextPart(piece)
    if not isinstance(piece, dict):
        return OtherPart("part", piece)
    kind = text_of(piece, "content_type")
    found = assets.part(piece)
    if found is not None:
        return found
    if kind == "real_time_user_audio_video_asset_pointer":
        inner = assets.part(dict_of(piece, "audio_asset_pointer"))
        if inner is not None:
            return inner
    text = text_of(piece, "text")
    if kind == "audio_transcription" and text is not None:
        return TextPart(text, {"chatgpt": {key: value for key, value in piece.items() if key != "text"}})
    return OtherPart(kind or "part", piece)


def _thought(thought: Any) -> Part:
    text = text_of(thought, "content")
    if text is None:
        return OtherPart("thought", thought)
    rest = {key: value for key, value in thought.items() if key != "content" and not is_empty(value)}
    return ReasoningPart(text, {"chatgpt": rest} if rest else None)


def read_call(content: dict[str, Any], recipient: str, call_id: str) -> ToolCallPart:
    """What an assistant sends to a tool: objects and arrays as such, else the text itself."""
    kind = text_of(content, "content_type")
    text = text_of(content, TEXT_KEYS.get(kind or "", ""))
    own: dict[str, Any] = {}
    if text is not None:
        own = rest_of(content)
    elif kind == "text" and all(isinstance(piece, str) for piece in list_of(content, "parts")):
        text = "".join(list_of(content, "parts"))
        own = {"content_type": "text"}
    if own == {"content_type": "code", "language": "unknown"}:
        own = {}
    arguments = content if text is None else _arguments(text)
    return ToolCallPart(recipient, arguments, call_id, {"chatgpt": own} if own else None)


def _arguments(text: str) -> Any:
    if text.lstrip()[:1] not in ("{", "["):
        return text
    try:
        return decode(text.encode())
    except ValueError:  # code that begins with a bracket, or a lone surrogate
        return text


def write_call(part: ToolCallPart) -> dict[str, Any]:
    """A call as a message's content."""
    if isinstance(part.arguments, dict) and text_of(part.arguments, "content_type") not in (None, "code"):
        return part.arguments
    text = part.arguments if isinstance(part.arguments, str) else dumps(part.arguments).decode()
    own = dict_of(part.metadata, "chatgpt")
    if own.get("content_type") == "text":
        return {"content_type": "text", "parts": [text]}
    return {"content_type": "code", "language": "unknown", **own, "text": text}


def read_answer(content: dict[str, Any], name: str | None, call_id: str | None, assets: Assets) -> list[Part]:
    """A tool's message: its answer, then images and the like that came with it."""
    kind = text_of(content, "content_type")
    metadata: dict[str, Any] = {} if name is None else {"name": name}
    text = text_of(content, TEXT_KEYS.get(kind or "", ""))
    response: Any = content or None
    others: list[Part] = []
    if text is not None:
        response = text
        if rest_of(content) != PLAIN_ERROR:
            metadata["chatgpt"] = rest_of(content)
        if kind == "system_error":
            metadata["is_error"] = True
    elif kind in _LISTS:
        pieces = list_of(content, "parts")
        texts = [piece for piece in pieces if isinstance(piece, str)]
        others = [_piece(piece, assets) for piece in pieces if not isinstance(piece, str)]
        response = texts[0] if len(texts) == 1 else texts or None
    return [ToolCallResponsePart(response, call_id, metadata or None), *others]
