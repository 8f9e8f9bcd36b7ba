"""Names of folders and files: injective, harmless on every file system."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.backends.filestore.names import decode_name, encode_name, is_hashed
from recollect.errors import InvalidError
from recollect.testing.hazards import NAMESPACES, SESSION_IDS

ids = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
HARMLESS = re.compile(r"[a-z0-9_%~-]+").fullmatch
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.I).fullmatch


def check_harmless(encoded):
    assert HARMLESS(encoded)
    assert not RESERVED(encoded)
    assert not encoded.startswith("-")
    assert len(encoded) <= 120
    assert encoded == encoded.casefold() == unicodedata.normalize("NFC", encoded)


@pytest.mark.parametrize(
    "name", ["user-123", "default", "0190b5a0-7c1e-7d4e-8a3b-2f1c5d6e7f80", "a_b", "x" * 120]
)
def test_simple_names_stay_as_they_are(name):
    assert encode_name(name) == name


def test_hazardous_names_are_harmless_and_distinct():
    for names in (SESSION_IDS, NAMESPACES):
        encoded = [encode_name(name) for name in names]
        assert len(set(encoded)) == len(names)
        for name, one in zip(names, encoded, strict=True):
            check_harmless(one)
            assert is_hashed(one) is (len(one) > 70 and "~" in one)
            assert decode_name(one) == (None if is_hashed(one) else name)


@given(ids, ids)
def test_any_two_names_are_distinct_and_come_back(first, second):
    for name in (first, second):
        encoded = encode_name(name)
        check_harmless(encoded)
        assert decode_name(encoded) in (name, None)
        assert (decode_name(encoded) is None) is is_hashed(encoded)
    assert (encode_name(first) == encode_name(second)) is (first == second)


@given(st.text(max_size=130))
def test_only_names_that_this_store_gives_are_taken_for_ours(text):
    name = decode_name(text)
    assert name is None or encode_name(name) == text


@pytest.mark.parametrize(
    "foreign", ["Foo", "a.b", "%41b%zz", "%61", "x" * 121, "", "con", "-a", "é", "%ff", "a~b"]
)
def test_foreign_names_are_none_of_ours(foreign):
    assert decode_name(foreign) is None


@pytest.mark.parametrize("name", ["", "\ud800", "a\udfff"])
def test_what_is_no_text_is_refused(name):
    with pytest.raises(InvalidError):
        encode_name(name)
