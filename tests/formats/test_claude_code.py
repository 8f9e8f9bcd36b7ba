"""Claude Code: trees, replies and results, injected records, damage, attributes; by invented sessions."""

import base64
import json

import pytest

from recollect import (
    BlobPart,
    OtherPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    Usage,
)
from recollect.formats import claude_code, detected
from recollect.formats.base import Conversation, Damage

from .claude_sessions import SESSION, Log, call, text, uid
from .format_sources import Source, conversations, lines, messages

NAME = f"{SESSION}.jsonl"


def read(log: Log | bytes, name: str = NAME) -> Conversation:
    """The one conversation of an undamaged file."""
    (found,) = conversations(claude_code, Source(log if isinstance(log, bytes) else log.bytes(), name))
    return found


def ids(line) -> list[str]:
    return [message.id for message in line]


def names(*wanted: str) -> list[str]:
    return [uid(name) for name in wanted]


def small() -> Log:
    return (
        Log()
        .fact("file-history-snapshot", messageId=uid("u1"), snapshot={}, isSnapshotUpdate=False)
        .user("u1", "How many files are there?")
        .reply("a1", "m1", {"type": "thinking", "thinking": "Count.", "signature": "sig"}, output=1)
        .reply("a2", "m1", text("Let me look."), output=2)
        .reply("a3", "m1", call("t1", command="ls"), output=9, stop_reason="tool_use")
        .result("r1", "t1", content="a b")
        .reply("a4", "m2", text("Two."), stop_reason="end_turn")
    )


def test_records_of_one_reply_are_one_message():
    found = read(small())
    (main,) = lines(found)
    assert [(message.id, message.role) for message in main] == [
        (uid("u1"), "user"),
        (uid("a1"), "assistant"),
        (uid("r1"), "tool"),
        (uid("a4"), "assistant"),
    ]
    assert found.head == uid("a4")
    reply, answer = main[1], main[2]
    assert reply.parts == (
        ReasoningPart("Count.", {"signature": "sig"}),
        TextPart("Let me look."),
        ToolCallPart("Bash", {"command": "ls"}, "t1"),
    )
    assert reply.usage == Usage(3, 9, 11)
    assert reply.model == "claude-opus-4-6"
    assert reply.metadata == {
        "claude_code": {
            "uuids": names("a1", "a2", "a3"),
            "stop_reason": "tool_use",
            "message_id": "m1",
            "request_id": "req_m1",
            "cache_creation_input_tokens": 7,
        }
    }
    assert answer.parts == (ToolCallResponsePart("a b", "t1"),)
    assert str(reply.created_at) == "2026-03-01 10:00:02+00:00"


def test_attributes():
    found = read(small().fact("pr-link", sessionId=SESSION, prNumber=7, prUrl="https://example.org/pull/7"))
    assert found.native_id == SESSION
    assert found.attributes == {
        "name": "How many files are there?",
        "provider": "anthropic",
        "model": "claude-opus-4-6",
        "metadata": {
            "cwd": "/srv/shop",
            "git_branch": "main",
            "tool_version": "2.1.0",
            "pr_links": ["https://example.org/pull/7"],
            "started_at": "2026-03-01T10:00:01.000Z",
            "ended_at": "2026-03-01T10:00:06.000Z",
        },
    }


def test_parallel_calls_lie_on_one_line():
    log = (
        Log()
        .user("u1", "Go")
        .reply("a1", "m1", call("t1"))
        .reply("a2", "m1", call("t2"))
        .result("r1", "t1", under="a1")
        .reply("a3", "m1", call("t3"), under="a2")
        .result("r2", "t2", under="a2")
        .result("r3", "t3", under="a3")
        .reply("a4", "m2", text("All done."), under="r2")
    )
    (main,) = lines(read(log))
    assert ids(main) == names("u1", "a1", "r1", "r2", "r3", "a4")
    assert [part.id for part in main[1].parts] == ["t1", "t2", "t3"]


def test_a_result_before_its_call_and_one_after_the_next_reply_stay_on_the_line():
    log = (
        Log()
        .user("u1", "Go")
        .reply("a1", "m1", call("t1"))
        .result("r2", "t2", under="a2")
        .reply("a2", "m1", call("t2"), under="a1")
        .reply("a3", "m2", text("Meanwhile"), under="r2")
        .result("r1", "t1", under="a1")
        .reply("a4", "m3", text("End"), under="a3")
    )
    (main,) = lines(read(log))
    assert ids(main) == names("u1", "a1", "r2", "a3", "r1", "a4")


def test_an_edited_prompt_is_a_branch():
    log = small().user("u2", "Again?", under="a4").reply("b1", "m3", text("Yes."))
    log.user("u3", "Once more?", under="a4").reply("b2", "m4", text("No."))
    found = read(log)
    main, other = lines(found)
    assert ids(main) == names("u1", "a1", "r1", "a4", "u3", "b2")
    assert ids(other) == names("u2", "b1")
    assert other[0].parent_id == uid("a4")
    assert found.forks == {uid("a4")}


def test_what_is_no_message_is_walked_through():
    log = (
        Log()
        .user("u1", "Go")
        .add("attachment", "x1", attachment={"type": "task_reminder"})
        .reply("a1", "m1", call("t1"))
        .add("progress", "p1", data={"type": "bash_progress"})
        .add("progress", "p2", data={"type": "bash_progress"})
        .result("r1", "t1", under="a1")
        .add("system", "s1", subtype="turn_duration")
        .user("u2", "And?")
    )
    (main,) = lines(read(log))
    assert ids(main) == names("u1", "a1", "r1", "u2")


def test_compaction_goes_on_with_the_line_before():
    log = (
        small()
        .add("system", "c1", None, subtype="compact_boundary", logicalParentUuid=uid("gone"))
        .user("s1", "This session is being continued.", isCompactSummary=True)
        .reply("b1", "m9", text("On we go."))
    )
    (main,) = lines(read(log))
    assert ids(main) == names("u1", "a1", "r1", "a4", "s1", "b1")
    assert main[4].metadata["injected"] == "compact_summary"


def test_a_missing_parent_is_the_record_before():
    log = small().user("u2", "Still there?", under="nowhere")
    assert ids(lines(read(log))[0])[-2:] == names("a4", "u2")


def test_several_results_and_words_beside_them():
    blocks = [
        {"type": "tool_result", "tool_use_id": "t1", "content": "1"},
        {"type": "tool_result", "tool_use_id": "t2", "content": [text("2")], "is_error": True},
        text("And hurry."),
    ]
    log = Log().user("u1", "Go").reply("a1", "m1", call("t1"), call("t2")).user("r1", blocks)
    log.reply("a2", "m2", text("Ok"))
    (main,) = lines(read(log))
    assert [message.role for message in main] == ["user", "assistant", "tool", "tool", "user", "assistant"]
    assert main[2].id == uid("r1")
    assert main[3].parts == (ToolCallResponsePart([text("2")], "t2", {"is_error": True}),)
    assert main[4].parts == (TextPart("And hurry."),)
    assert {tuple(message.metadata["claude_code"]["uuids"]) for message in main[2:5]} == {(uid("r1"),)}


@pytest.mark.parametrize(
    ("record", "kind"),
    [
        ({"content": "x", "isMeta": True}, "meta"),
        ({"content": "x", "isCompactSummary": True}, "compact_summary"),
        ({"content": "x", "isVisibleInTranscriptOnly": True}, "transcript_only"),
        ({"content": "<command-name>/clear</command-name>"}, "command"),
        ({"content": "<local-command-stdout>ok</local-command-stdout>"}, "command_output"),
        ({"content": "<bash-stdout></bash-stdout>"}, "command_output"),
        ({"content": [text("[Request interrupted by user]")]}, "interruption"),
        ({"content": "<task-notification>x", "origin": {"kind": "task-notification"}}, "task_notification"),
        ({"content": "x", "origin": {"kind": "channel-message"}}, "channel_message"),
        ({"content": "My own <b>words</b>", "origin": {"kind": "human"}}, None),
        ({"content": "[sic] my own"}, None),
    ],
)
def test_injected_records_are_marked(record, kind):
    content = record.pop("content")
    (message,) = messages(read(Log().user("u1", content, **record)))
    assert message.metadata.get("injected") == kind


def test_injected_text_beside_a_persons_own_is_marked_alone():
    log = Log().user("u1", [text("<ide_opened_file>The user opened a.py</ide_opened_file>"), text("Why?")])
    found = read(log)
    (message,) = messages(found)
    assert message.parts[0].metadata == {"injected": "ide_context"}
    assert message.parts[1] == TextPart("Why?")
    assert "injected" not in message.metadata
    assert found.attributes["name"] == "Why?"


def test_replies_made_by_the_client_are_marked_and_are_no_model():
    log = small().reply("e1", "x1", text("API Error"), model="<synthetic>", isApiErrorMessage=True)
    log.reply("e2", "x2", text("No response requested."), model="<synthetic>")
    found = read(log)
    assert [message.metadata.get("injected") for message in messages(found)[-2:]] == [
        "api_error",
        "synthetic",
    ]
    assert found.attributes["model"] == "claude-opus-4-6"


def test_blocks():
    pixel = base64.b64encode(b"\x89PNG").decode()
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": pixel}}
    odd = {"type": "hologram", "light": 7}
    broken = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "@"}}
    log = Log().user("u1", [image, odd, broken, 7, text("Look")])
    log.reply("a1", "m1", {"type": "thinking", "thinking": "", "signature": "only"})
    log.reply("a2", "m1", {"type": "redacted_thinking", "data": "xyz"})
    log.reply("a3", "m1", {**call("t1"), "caller": {"type": "direct"}})
    asked, reply = messages(read(log))
    assert asked.parts == (
        BlobPart(b"\x89PNG", "image/png", "image"),
        OtherPart("hologram", odd),
        OtherPart("image", broken),
        OtherPart("unknown", {"type": "unknown", "value": 7}),
        TextPart("Look"),
    )
    assert reply.parts == (
        ReasoningPart("", {"signature": "only"}),
        OtherPart("redacted_thinking", {"type": "redacted_thinking", "data": "xyz"}),
        ToolCallPart("Bash", {}, "t1"),
    )


def test_titles_by_precedence():
    log = Log().user("u0", "/x", isMeta=True).user("u1", "  First\nreal   prompt " + "and more " * 20)
    title = read(log).attributes["name"]
    assert title.startswith("First real prompt and more")
    assert len(title) <= 80
    assert "\n" not in title
    log.fact("summary", summary="Another line", leafUuid=uid("elsewhere"))
    assert read(log).attributes["name"] == "Another line"
    assert read(log).attributes["metadata"]["summary_leaf"] == uid("elsewhere")
    log.fact("summary", summary="This line", leafUuid=uid("u1"))
    log.fact("summary", summary="Yet another", leafUuid=uid("elsewhere"))
    assert read(log).attributes["name"] == "This line"
    log.fact("ai-title", aiTitle="By the model", sessionId=SESSION)
    assert read(log).attributes["name"] == "By the model"
    log.fact("custom-title", customTitle="By hand", sessionId=SESSION)
    assert read(log).attributes["name"] == "By hand"


def test_records_that_stand_twice_are_read_once():
    log = small()
    log.records.insert(4, {**log.records[2], "cwd": "/elsewhere"})
    found = messages(read(log))
    assert len(found) == 4
    assert found[1].metadata["claude_code"]["repeated"] == 1


def test_another_message_with_the_same_uuid_is_kept():
    log = small()
    first = next(record for record in log.records if record["type"] == "user")
    again = {**first, "message": {**first["message"], "content": "Something else"}}
    log.records += [again, {**again}]
    found = messages(read(log))
    expected = [message.id for message in messages(read(small()))]
    (other,) = [message for message in found if message.id not in expected]
    assert other.text == "Something else"
    assert other.metadata["claude_code"]["repeated"] == 1
    assert len(found) == len(expected) + 1
    assert found == messages(read(log))


def test_a_message_with_the_uuid_of_what_is_none_is_kept():
    log = Log().user("u1", "Hi")
    log.records.insert(0, {"type": "system", "uuid": uid("u1"), "parentUuid": None, "sessionId": SESSION})
    assert [message.text for message in messages(read(log))] == ["Hi"]


def test_records_without_ids_get_stable_ones():
    log = Log().user("u1", "Hi").user("u2", "Hello")
    for record in log.records:
        del record["uuid"]
    first = messages(read(log))
    assert ids(first) == ids(messages(read(log)))
    assert ids(first) == ids(messages(read(log.user("u3", "More"))))[:2]


@pytest.mark.parametrize(
    "message",
    [None, 7, [], "words", {}, {"content": None}, {"content": 7}, {"content": {"type": "text", "text": "x"}}],
)
def test_no_message_is_dropped_because_of_its_form(message):
    log = small().add("user", "u9", message=message).add("assistant", "a9", message=message)
    found = messages(read(log))
    assert ids(found)[-2:] == names("u9", "a9")


def test_keys_of_unusual_types_count_as_missing():
    log = small().user("u2", "Ok", isMeta="yes", cwd=3, version=None, timestamp=12, parentUuid=["x"])
    found = messages(read(log))
    assert found[-1].text == "Ok"
    assert found[-1].parent_id == uid("a4")
    assert found[-1].created_at is None


def test_text_hazards_survive():
    words = "nul \0, esc \x1b[31m, astral \U0001f600, lone \ud800, marks \ue200"
    (message,) = messages(read(Log().user("u1", words)))
    assert message.text == words


def test_glued_torn_and_zeroed_lines():
    parts = small().lines()
    glued = parts[0] + b"\n" + parts[1] + parts[2] + b"\n" + b"\n".join(parts[3:])
    assert messages(read(glued)) == messages(read(small()))
    torn = [*parts[:4], parts[4][:150] + parts[4], *parts[5:]]
    zeroed = [*parts[:4], b"\0" * 900 + parts[4], *parts[5:]]
    for hurt in (torn, zeroed):
        pieces = list(claude_code.read(Source(b"\n".join(hurt), NAME)))
        (damage,) = [piece for piece in pieces if isinstance(piece, Damage)]
        assert damage.offset == sum(len(line) + 1 for line in parts[:4])
        (found,) = [piece for piece in pieces if isinstance(piece, Conversation)]
        assert messages(found) == messages(read(small()))


def test_a_last_line_cut_short_is_damage_and_the_rest_is_read():
    raw = small().bytes()
    for cut in range(1, len(raw)):
        pieces = list(claude_code.read(Source(raw[:cut], NAME)))
        kinds = [type(piece) for piece in pieces]
        assert kinds[-1] is Conversation
        whole = raw[:cut].count(b"\n") + (raw[cut : cut + 1] == b"\n")
        found = uuids(messages(pieces[-1]))
        assert len(found) == max(0, whole - 1)  # the first record is no message
        assert (Damage in kinds) == (raw[cut - 1 : cut] != b"\n" and raw[cut : cut + 1] != b"\n")


def uuids(found) -> list[str]:
    return [uuid for message in found for uuid in message.metadata["claude_code"]["uuids"]]


def test_what_the_client_stores_of_the_session_alone_is_a_session_without_messages():
    found = read(Log().fact("summary", summary="Done", leafUuid=uid("x")))
    assert (found.native_id, found.head, messages(found)) == (None, None, [])


def test_another_sessions_history_at_the_start_makes_a_fork():
    old = "01d5e551-0000-4000-8000-000000000001"
    log = Log(old).user("u1", "Hi").reply("a1", "m1", text("Hello"))
    log.session = SESSION
    log.user("u2", "Go on")
    found = read(log)
    assert (found.native_id, found.parent, found.relation) == (SESSION, old, "fork")
    assert read(log, "copy.jsonl").native_id == SESSION
    marked = Log().user("u1", "Hi", forkedFrom={"sessionId": old, "messageUuid": uid("u1")})
    found = read(marked)
    assert (found.native_id, found.parent, found.relation) == (SESSION, old, "fork")


def test_detection():
    assert detected(small().bytes(), NAME) is claude_code
    assert claude_code.detect(small().bytes()[:200], NAME) > 0.5
    assert detected(Log().fact("summary", summary="x", leafUuid="y").bytes(), NAME) is claude_code
    for other in (
        b"",
        b"# text\n",
        b'{"messages":[]}',
        b'{"type":"session_meta","payload":{}}',
        b"\0" * 70000,
    ):
        assert claude_code.detect(other, "x.jsonl") == 0.0


def test_deep_nesting_and_a_long_chain_do_no_harm():
    deep = b'{"type":"user","uuid":"d","message":{"content":' + b"[" * 100_000 + b"]" * 100_000 + b"}}"
    pieces = list(claude_code.read(Source(small().bytes() + deep, NAME)))
    assert len(messages(pieces[-1])) == 4
    log = Log()
    for i in range(5000):
        log.user(f"{i:05}", "x")
    assert len(lines(read(log))[0]) == 5000
    assert json.loads(log.lines()[0])["uuid"] == messages(read(log))[0].id
