"""Real ChatGPT exports: each node of 'mapping' that has a message is one message."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from msgspec.structs import replace

from recollect import SessionInfo, TextPart, ToolCallResponsePart
from recollect.formats import chatgpt
from recollect.formats.base import HEAD_BYTES
from recollect.model import OtherPart

from .format_sources import TRANSCRIPTS, Source, conversations, lines, messages, real

pytestmark = real


@pytest.mark.parametrize(
    ("name", "count", "total", "main"),
    [
        ("conversations.json", 61, 433, 427),
        ("chatgpt-export.json", 2, 21, 21),
        ("chatgpt-tree.json", 1, 12, 7),
        ("gpt_example.json", 1, 12, 12),
    ],
)
def test_real_exports(name: str, count: int, total: int, main: int) -> None:
    path = TRANSCRIPTS / "chatgpt" / name
    found = conversations(chatgpt, Source.at(path))
    assert len(found) == count
    assert sum(len(messages(one)) for one in found) == total
    assert sum(len(lines(one)[0]) for one in found) == main
    assert chatgpt.detect(path.read_bytes()[:HEAD_BYTES], name) > 0.9
    answers = [
        p for one in found for m in messages(one) for p in m.parts if isinstance(p, ToolCallResponsePart)
    ]
    assert all(answer.id for answer in answers)
    assert not any(isinstance(p, OtherPart) for one in found for m in messages(one) for p in m.parts)
    assert all(isinstance(p, TextPart) for m in messages(found[0]) for p in m.parts if m.role == "user")


@pytest.mark.parametrize(
    "name", ["conversations.json", "chatgpt-export.json", "chatgpt-tree.json", "gpt_example.json"]
)
def test_main_lines_come_back_from_what_is_written_of_them(name: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    for one in conversations(chatgpt, Source.at(TRANSCRIPTS / "chatgpt" / name)):
        line = [replace(message, parent_id=None) for message in lines(one)[0]]
        attributes = {key: value for key, value in one.attributes.items() if key != "provider"}
        info = SessionInfo(one.native_id or "", "default", 1, now, now, **attributes)
        pieces: list[str] = []
        chatgpt.write(info, line, pieces.append)
        (again,) = conversations(chatgpt, Source("".join(pieces)))
        assert messages(again) == line
        assert again.native_id == one.native_id
