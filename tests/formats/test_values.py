"""Looks into JSON of any shape: the value of the right type, or what stands for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect.formats import values

JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=8,
)
RECORD: dict[str, Any] = {
    "text": "x",
    "empty": "",
    "object": {"inner": {"name": "deep"}},
    "list": [1, {"a": 1}, None, "y"],
    "int": 3,
    "float": 3.0,
    "half": 2.5,
    "true": True,
    "null": None,
    "huge": 10**30,
    "less": -1,
    "nan": float("nan"),
}


@pytest.mark.parametrize(
    ("get", "found", "nothing"),
    [
        (values.text_of, {"text": "x", "empty": ""}, None),
        (values.name_of, {"text": "x"}, None),
        (values.dict_of, {"object": RECORD["object"]}, {}),
        (values.list_of, {"list": RECORD["list"]}, []),
        (values.dicts_of, {"list": [{"a": 1}]}, []),
        (values.texts_of, {"list": ["y"]}, []),
        (values.int_of, {"int": 3, "float": 3, "huge": 10**30, "less": -1}, None),
        (values.count_of, {"int": 3, "float": 3}, 0),
        (values.bool_of, {"true": True}, None),
    ],
)
def test_only_values_of_the_type_are_found(
    get: Callable[..., Any], found: dict[str, Any], nothing: Any
) -> None:
    for key in (*RECORD, "missing"):
        value = get(RECORD, key)
        assert value == found.get(key, nothing), key
        assert type(value) is type(found.get(key, nothing)), key


def test_numbers_are_whole_or_not_but_never_truth_values() -> None:
    assert values.number_of(RECORD, "half") == 2.5
    assert values.number_of(RECORD, "int") == 3
    assert values.number_of(RECORD, "true") is None
    assert values.number_of(RECORD, "text") is None


def test_paths_go_down_until_something_is_missing() -> None:
    assert values.text_of(RECORD, "object", "inner", "name") == "deep"
    assert values.text_of(RECORD, "object", "other", "name") is None
    assert values.text_of(RECORD, "list", "name") is None
    assert values.dict_of([]) == {}
    assert values.list_of([1]) == [1]


def test_what_says_nothing_is_left_out() -> None:
    assert values.present(a=None, b="", c=[], d={}, e=0, f=False, g="x") == {"e": 0, "f": False, "g": "x"}
    assert values.chosen(RECORD, "text", "empty", "null", "int", "missing") == {"text": "x", "int": 3}
    assert values.chosen([], "text") == {}


def test_plain_values_alone_become_facts_of_a_session() -> None:
    value = {**RECORD, "texts": ["a", "b"]}
    assert values.scalars_of(value, *value) == {
        "text": "x",
        "int": 3,
        "float": 3.0,
        "half": 2.5,
        "true": True,
        "less": -1,
        "texts": ["a", "b"],
    }


@given(JSON)
def test_no_shape_raises(value: Any) -> None:
    getters = (
        values.text_of,
        values.name_of,
        values.dict_of,
        values.list_of,
        values.dicts_of,
        values.texts_of,
        values.int_of,
        values.count_of,
        values.number_of,
        values.bool_of,
    )
    for get in getters:
        get(value, "a")
        get(value, "a", "b")
    values.chosen(value, "a", "b")
