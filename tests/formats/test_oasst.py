"""OpenAssistant's trees and flat files: ranks, depth, parents anywhere, damage."""

from __future__ import annotations

import json
from typing import Any

import pytest

from recollect import Message, TextPart
from recollect.formats import oasst, openai_chat
from recollect.formats.base import HEAD_BYTES, Conversation, Damage

from .format_sources import Source, archived, conversations, lines, messages, real


def said(key: str, *replies: Any, role: str = "prompter", **more: Any) -> dict[str, Any]:
    return {
        "message_id": key,
        "text": f"text {key}",
        "role": role,
        "lang": "en",
        "replies": list(replies),
        **more,
    }


def tree(prompt: Any, **more: Any) -> dict[str, Any]:
    return {"message_tree_id": "t-1", "tree_state": "ready_for_export", "prompt": prompt, **more}


def flat(key: str, parent: str | None, role: str = "prompter") -> dict[str, Any]:
    return {
        "task_message_id": "x",
        "user_message_id": key,
        "parent_message_id": parent,
        "text": key,
        "role": role,
    }


def test_the_best_ranked_replies_are_the_main_line() -> None:
    prompt = said(
        "q",
        said("a", said("a1"), role="assistant", rank=1),
        said("b", said("b1"), said("b2", rank=5), role="assistant", rank=0, model_name="m", deleted=True),
        said("c", role="assistant"),
        model_name=None,
    )
    (conversation,) = conversations(oasst, Source(json.dumps(tree(prompt))))
    assert [[m.id for m in line] for line in lines(conversation)] == [
        ["q", "b", "b2"],
        ["a", "a1"],
        ["c"],
        ["b1"],
    ]
    assert conversation.native_id == "t-1"
    assert conversation.attributes == {"metadata": {"tree_state": "ready_for_export", "lang": "en"}}
    best = messages(conversation)[1]
    assert (best.role, best.model, best.parts) == ("assistant", "m", (TextPart("text b"),))
    assert best.metadata == {"oasst": {"rank": 0, "lang": "en", "deleted": True}}


def test_without_ranks_the_first_replies_are_the_main_line() -> None:
    (conversation,) = conversations(
        oasst, Source(json.dumps(tree(said("q", said("a", said("x")), said("b")))))
    )
    assert conversation.head == "x"


@pytest.mark.parametrize("depth", [700, 100_000])
def test_trees_of_any_depth(depth: int) -> None:
    opened = "".join(f'{{"message_id":"{n}","text":"t","role":"prompter","replies":[' for n in range(depth))
    data = f'{{"message_tree_id":"t","prompt":{opened}{"]}" * depth}}}\n{json.dumps(tree(said("q")))}\n'
    deep, plain = conversations(oasst, Source(data))
    assert sum(1 for _ in deep.messages) == depth
    assert len(messages(plain)) == 1


def test_flat_messages_become_trees() -> None:
    records = [
        flat("c", "b"),  # stands before what it answers
        flat("a", None),
        flat("b", "a", "assistant"),
        flat("other", None),
        flat("orphan", "gone"),
        flat("d", "b"),
        flat("x", "y"),
        flat("y", "x"),
    ]
    found = conversations(oasst, Source(json.dumps(records)))
    ids = [[[m.id for m in line] for line in lines(one)] for one in found]
    assert ids == [[["a", "b", "c"], ["d"]], [["other"]], [["orphan"]], [["x", "y"]]]
    assert sum(len(messages(one)) for one in found) == len(records)
    assert found[0].native_id == "a"
    assert found[0].end is None  # its messages do not stand together
    published = [
        {"message_id": "m", "parent_id": None, "message_tree_id": "m", "text": "x", "role": "prompter"}
    ]
    (conversation,) = conversations(oasst, Source("\n".join(map(json.dumps, published))))
    assert [m.text for m in messages(conversation)] == ["x"]


def test_slices() -> None:
    records = [flat("a", None), flat("b", "a"), flat("q", None), flat("r", "q")]
    data = json.dumps(records, indent=1).encode()
    found = conversations(oasst, Source(data))
    assert [json.loads(b"[" + data[one.offset : one.end] + b"]") for one in found] == [
        records[:2],
        records[2:],
    ]
    values = [tree(said(str(n)), message_tree_id=str(n)) for n in range(3)]
    data = "\n".join(map(json.dumps, values)).encode()
    found = conversations(oasst, Source(data))
    assert [json.loads(data[one.offset : one.end]) for one in found] == values


WRONG: list[Any] = [None, 3, "x", True, [], {}, [None, 1, {}, "x", []], {"a": 5}]


@pytest.mark.parametrize("wrong", WRONG)
def test_wrong_values_lose_no_message(wrong: Any) -> None:
    for key in ("message_id", "text", "role", "rank", "lang", "model_name", "created_date", "emojis"):
        prompt = said("q", said("a") | {key: wrong}, said("b"))
        (conversation,) = conversations(oasst, Source(json.dumps(tree(prompt, tree_state=wrong))))
        assert len(messages(conversation)) == 3
    for key in ("user_message_id", "parent_message_id", "text", "role"):
        found = conversations(oasst, Source(json.dumps([flat("a", None), flat("b", "a") | {key: wrong}])))
        assert sum(len(messages(one)) for one in found) == 2
    for value in (tree(wrong), tree(said("q") | {"replies": wrong})):
        (conversation,) = oasst.read(Source(json.dumps(value)))
        assert isinstance(conversation, Conversation)
        assert all(isinstance(m, Message | Damage) for m in conversation.messages)


def test_damage_and_detection() -> None:
    whole = json.dumps(tree(said("q")))
    kinds = [
        type(piece).__name__ for piece in oasst.read(Source(f'{whole}\n{{"a":1}}\n{whole[:-9]}\n{whole}\n'))
    ]
    assert kinds == ["Conversation", "Damage", "Damage", "Conversation"]
    assert oasst.detect(whole.encode(), "x") > 0.9 > openai_chat.detect(whole.encode(), "x")
    assert oasst.detect(json.dumps([flat("a", None)]).encode(), "x") > 0.9
    for other in (b'{"prompt":"x"}', b'[{"text":"x","role":"user"}]', b"message_tree_id"):
        assert oasst.detect(other, "x") == 0


class TestReal:
    pytestmark = real

    def test_real_files(self) -> None:
        expected = {"en_tree.jsonl": (50, 575), "realistic_seed_data.json": (74, 444)}
        for path, data in archived("oasst.tar.xz"):
            found = conversations(oasst, Source(data, path))
            total = sum(len(messages(one)) for one in found)
            assert (len(found), total) == expected.pop(path.rsplit("/", 1)[-1])
            assert all(lines(one) for one in found)
            assert oasst.detect(data[:HEAD_BYTES], path) > 0.9
        assert not expected
