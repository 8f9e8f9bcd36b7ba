"""Turns of SpecStory's Markdown as messages: words, thoughts, tools and what they gave back."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..model import Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart
from .base import derived_uuid
from .claude_code_injected import injected_text
from .specstory_lines import THINK_BEGINS, THINK_ENDS, TOOL_BEGINS, TOOL_ENDS, Heading

_SUMMARY = re.compile(r"<summary>Tool use: \*\*.*?\*\*\s?(.*?)</summary>")
_OUTPUT = re.compile(r"(?:Output|Result):(?: (.*))?")
_OPENS_OUTPUT = ("```", "```text")
_FAILED = ("<tool_use_error>", "Error: Exit code ", "Exit code ")


def messages_of(session: str, number: int, heading: Heading, text: str) -> Iterator[Message]:
    """The messages that a turn makes: one, and the tool's answer where the turn is a tool's.

    They have no ids in the file: theirs come from the session, the turn's number and its heading,
    so that they stay when the turn grows.
    """
    place = f"{session}\0{number}\0{heading.text}"
    own_id = derived_uuid(place.encode())
    text = _without_rule(text)
    metadata: dict[str, object] = {"sidechain": True} if heading.is_sidechain else {}
    answer: ToolCallResponsePart | None = None
    part: Part | None = TextPart(text) if text else None
    if not heading.is_user and (found := TOOL_BEGINS.match(text)) is not None:
        part, answer = _tool(found, text, own_id)
    elif not heading.is_user and text.startswith("<think>"):
        part = ReasoningPart(_thought(text))
    elif heading.is_user and (kind := injected_text(text)) is not None:
        metadata["injected"] = kind
    elif heading.model is not None and heading.model.startswith("<"):
        metadata["injected"] = "client"
    yield Message(
        own_id,
        None,
        "user" if heading.is_user else "assistant",
        () if part is None else (part,),
        created_at=heading.at,
        model=None if heading.is_user else heading.model,
        metadata=metadata or None,
    )
    if answer is not None:
        yield Message(
            derived_uuid(place.encode(), b"\0answer"),
            None,
            "tool",
            (answer,),
            created_at=heading.at,
            metadata={"sidechain": True} if heading.is_sidechain else None,
        )


def _without_rule(text: str) -> str:
    """A turn without the rule that SpecStory draws behind it."""
    if text == "---":
        return ""
    return text[:-4].rstrip() if text.endswith("\n\n---") else text


def _thought(text: str) -> str:
    text = text.removeprefix(THINK_BEGINS).removeprefix("<think>")
    return text.removesuffix(THINK_ENDS).removesuffix("</think>").strip("\n")


def _tool(found: re.Match[str], text: str, call_id: str) -> tuple[Part, ToolCallResponsePart | None]:
    """A tool's call, with what is shown of its input, and its answer."""
    lines = text[found.end() :].strip("\n").split("\n")
    closed = lines[-1] == TOOL_ENDS
    if closed:
        lines.pop()
    shown = ""
    if lines and (summary := _SUMMARY.fullmatch(lines[0])) is not None:
        shown = summary[1]
        del lines[0]
    begin, first = _output_at(lines)
    rest = "\n".join(lines if begin is None else lines[:begin])
    arguments = "\n".join(piece for piece in (shown, rest.strip("\n")) if piece).strip()
    call = ToolCallPart(found[2], arguments or None, call_id, {"specstory": {"type": found[1]}})
    if begin is None:
        return call, None
    output = "\n".join(_unfenced(lines[begin + 1 :] if first is None else [first, *lines[begin + 1 :]]))
    metadata = {"is_error": True} if output.startswith(_FAILED) else None
    return call, ToolCallResponsePart(output, call_id, metadata)


def _output_at(lines: list[str]) -> tuple[int | None, str | None]:
    """The line that a tool's output begins behind, and what it says itself. What is shown in a fence
    with the name of a language is input."""
    opened = next((i for i, line in enumerate(lines) if line.startswith("```")), None)
    for i, line in enumerate(lines[: opened if opened is not None else len(lines)]):
        if (said := _OUTPUT.fullmatch(line)) is not None:
            return i, said[1]
    if opened is None:
        return None, None
    if lines[opened] in _OPENS_OUTPUT:
        return opened, None
    for i in range(len(lines) - 1, opened, -1):
        if (said := _OUTPUT.fullmatch(lines[i])) is not None and lines[i - 1] == "":
            return i, said[1]
        if lines[i] == "```text" and lines[i - 1] == "":
            return i, None
    return None, None


def _unfenced(lines: list[str]) -> list[str]:
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    if lines and lines[0].startswith("```"):
        lines = lines[1:]
    return lines[:-1] if lines and lines[-1] == "```" else lines
