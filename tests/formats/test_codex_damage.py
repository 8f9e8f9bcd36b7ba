"""Codex rollouts that are damaged, odd, or grow."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest

from recollect import Message, OtherPart
from recollect.formats import codex, detected
from recollect.formats.base import Conversation, Damage, Mark, Restart

from .codex_rollouts import Rollout, read
from .format_sources import Source, messages


def pieces(source: Source) -> Iterator[Message | Damage]:
    for piece in codex.read(source):
        if isinstance(piece, Conversation):
            yield from piece.messages
        else:
            assert isinstance(piece, Damage)
            yield piece


def test_glued_records_are_two_and_damage_is_reported_in_its_place() -> None:
    rollout = Rollout().turn().typed("One").said("Two.").typed("Three")
    lines = rollout.lines
    glued = "\n".join([*lines[:3], lines[3] + lines[4], *lines[5:]])
    assert messages(read(glued)) == messages(read(rollout))
    lines[5] = lines[5][:-9]
    found = list(pieces(Source("\n".join(lines))))
    assert [piece.text if isinstance(piece, Message) else "damage" for piece in found] == [
        "One",
        "damage",
        "Three",
    ]
    damage = found[1]
    assert isinstance(damage, Damage)
    assert damage.offset == sum(len(line) + 1 for line in lines[:5])


def test_bytes_that_are_no_text_in_an_unknown_item() -> None:
    head, tail = Rollout().turn().typed("One").text.encode(), b'"}}\n'
    item = b'{"type":"response_item","payload":{"type":"riddle","x":"'
    *_, reply = pieces(Source(head + item + b"\xf0" + tail))
    assert isinstance(reply, Message)
    assert isinstance(reply.parts[0], OtherPart)
    assert "riddle" in reply.parts[0].value


def test_the_payload_of_a_damaged_record_is_none() -> None:
    rollout = Rollout().turn().typed("One").said("Two.").call("c1").answer("c1").said("Three.")
    text = rollout.text.encode()
    place = text.index(b'"timestamp"', text.index(b"function_call") - 120)
    found = list(pieces(Source(text[:place] + b"*" + text[place + 1 :])))
    whole = messages(read(rollout))
    assert [piece for piece in found if isinstance(piece, Damage)]
    assert {message.id for message in found if isinstance(message, Message)} <= {
        message.id for message in whole
    }
    assert found[-1] == whole[-1]


@pytest.mark.parametrize(
    "line",
    [
        *(
            '{"type":"response_item","payload":5}',
            "[]",
            "7",
            '"text"',
            "{}",
            '{"type":7,"payload":{"type":[]}}',
        ),
        '{"type":"response_item","payload":{"type":"message","role":["user"],"content":{"a":1}}}',
        '{"type":"response_item","payload":{"type":"reasoning","summary":7,"content":[1,null]}}',
        '{"type":"response_item","payload":{"type":"function_call","name":{},"arguments":[],"call_id":{}}}',
        '{"type":"response_item","payload":{"type":"function_call_output","call_id":[],"output":[1,{}]}}',
        '{"type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":-3}}}}',
        '{"type":"event_msg","payload":{"type":"exec_command_end","call_id":"c","duration":{"secs":1e999}}}',
        '{"type":"event_msg","payload":{"type":["user_message"],"message":7}}',
        '{"type":"turn_context","payload":{"turn_id":5,"model":[]}}',
        '{"type":"session_meta","payload":{"id":7,"source":[],"git":"x","base_instructions":3}}',
        '{"type":"compacted","payload":{"message":{},"replacement_history":9}}',
        '{"timestamp":"never","type":"response_item","payload":{"type":"message","role":"user","content":null}}',
        '{"type":"response_item","payload":{"type":"message","role":"user","content":"a\\u0000\\ud800\\u001b[1m😀"}}',
        '{"type":"response_item","payload":' + '{"a":' * 5000 + "1" + "}" * 5001,
    ],
)
def test_odd_records_stop_nothing(line: str) -> None:
    before, after = Rollout().turn().typed("One").text, Rollout().turn().typed("Two").lines[-2:]
    found = list(pieces(Source(before + line + "\n" + "\n".join(after))))
    texts = [piece.text for piece in found if isinstance(piece, Message)]
    assert texts[0] == "One"
    assert texts[-1] == "Two"


def test_messages_keep_their_ids_while_the_file_grows_and_reading_can_go_on() -> None:
    rollout = Rollout(cwd="/tea/ann").turn().typed("One").said("Two.").count(10, 0, 1, 0)
    rollout.call("c1").answer("c1").count(20, 10, 2, 0).event("thread_name_updated", thread_name="Numbers")
    rollout.said("Three.").count(30, 10, 3, 0).typed("Four").told("loose").said("Five.").count(40, 10, 4, 0)
    assert_grows(rollout.text.encode(), rollout.text.encode())


def assert_grows(whole: bytes, *prefixes: bytes, step: int = 1) -> None:
    """Reading any prefix and then what came since gives what reading it all gives."""
    [full] = [piece for piece in codex.read(Source(whole)) if isinstance(piece, Conversation)]
    expected = messages(full)
    ids = [message.id for message in expected]
    ends = [i + 1 for prefix in prefixes for i, byte in enumerate(prefix) if byte == 0x0A][::step]
    marks = 0
    for end in ends:
        [part] = codex.read(Source(whole[:end]))
        assert isinstance(part, Conversation)
        assert part.mark is not None
        before = list(part.messages)
        assert [message.id for message in before if isinstance(message, Message)] == ids[: len(before)]
        mark = part.mark()
        if mark is None:
            continue
        marks += 1
        mark = Mark(mark.offset, json.loads(json.dumps(mark.state)))
        source = Source(whole)
        source.seek(mark.offset)
        [rest] = codex.resume(source, mark)
        assert isinstance(rest, Conversation)
        assert rest.after is not None
        place = ids.index(rest.after) + 1
        assert place <= len(before)
        assert expected[:place] + list(rest.messages) == expected
        assert rest.native_id == full.native_id
        assert {**rest.attributes, "system_prompt": None} == {**full.attributes, "system_prompt": None}
    assert marks


def test_a_mark_of_another_kind_means_reading_anew() -> None:
    with pytest.raises(Restart):
        list(codex.resume(Source("{}"), Mark(0, {"totals": "many"})))


def test_recognised_by_content() -> None:
    text = Rollout().turn().text.encode()
    assert detected(text, "x.txt") is codex
    assert detected(b"\xef\xbb\xbf" + text, "x.txt") is codex
    assert (
        codex.detect(json.dumps({"messages": [{"role": "user", "content": text.decode()}]}).encode(), "x")
        == 0
    )
    for junk in (b"", b"{", b"\x00\xff", b"[1]", io.BytesIO(text).read(20)):
        assert codex.detect(junk, "x") == 0
