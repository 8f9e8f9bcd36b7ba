"""Identifiers: made in order, checked, and encoded so that no two meet."""

from __future__ import annotations

import uuid

import pytest

from recollect import InvalidError
from recollect.core.ids import check_name, decode_message_id, encode_message_id, new_id, uuid7


def test_new_ids_are_version_7_uuids_in_ever_increasing_order() -> None:
    made = [new_id() for _ in range(5000)]
    texts = [text for text, _ in made]
    assert texts == sorted(set(texts))
    for text, raw in made[:50]:
        parsed = uuid.UUID(text)
        assert (parsed.version, parsed.variant, parsed.bytes) == (7, uuid.RFC_4122, raw)


@pytest.mark.parametrize(
    "message_id",
    ["01890a5d-ac96-774b-bcce-b302099a8057", "a", "u" * 16, "é" * 8, "ABCDEF00-0000-7000-8000-0"],
)
def test_message_ids_come_back_from_their_bytes(message_id: str) -> None:
    assert decode_message_id(encode_message_id(message_id)) == message_id


def test_an_upper_case_uuid_is_another_id() -> None:
    lower = uuid7()
    assert encode_message_id(lower) != encode_message_id(lower.upper())


@pytest.mark.parametrize("name", ["a", "é", "x" * 255, "\U0001f600" * 255, "a/b", "..", "CON", " ", "%_*'\""])
def test_names_are_any_text(name: str) -> None:
    assert check_name("session id", name) == name


@pytest.mark.parametrize("name", ["", "x" * 256, "a\0b", "a\nb", "\x7f", "\x85", "\ud800", None, 7, b"a"])
def test_names_that_no_engine_could_keep_are_refused(name: object) -> None:
    with pytest.raises(InvalidError):
        check_name("session id", name)
