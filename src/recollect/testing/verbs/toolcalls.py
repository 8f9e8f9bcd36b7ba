"""messages(repair_tool_calls=True): a line that any model provider accepts."""

from __future__ import annotations

from ...model import Message, TextPart, ToolCallPart, ToolCallResponsePart
from .base import CheckedVerbTests, Store

__all__ = ["ToolCallVerbs"]


def _call(*call_ids: str | None, text: str = "") -> Message:
    parts = [ToolCallPart("f", {}, call_id) for call_id in call_ids]
    return Message.assistant([TextPart(text), *parts] if text else parts)


class ToolCallVerbs(CheckedVerbTests):
    """Tool calls without an answer, late ones, and answers to nothing."""

    def test_a_sound_line_is_left_alone(self, store: Store) -> None:
        session = store.create("a")
        session.append(
            Message.user("q"), _call("c1", "c2"), Message.tool("c1", 1), Message.tool("c2", 2), _call(None)
        )
        session.append(Message.assistant("done"), Message(role="assistant"))
        assert session.messages(repair_tool_calls=True) == session.messages()

    def test_a_missing_answer_is_made_up_and_marked(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.user("q"), _call("c1", "c2"), Message.tool("c2", 2), Message.user("go on"))
        version = session.version
        line = session.messages(repair_tool_calls=True)
        assert [m.role for m in line] == ["user", "assistant", "tool", "tool", "user"]
        made, kept = line[2], line[3]
        assert made.metadata == {"synthetic": True}
        assert isinstance(made.parts[0], ToolCallResponsePart)
        assert (made.parts[0].id, kept) == ("c1", session.messages()[2])
        assert "interrupted" in made.parts[0].response
        assert session.refresh().version == version
        assert len(session.messages()) == 4

    def test_a_late_answer_moves_up(self, store: Store) -> None:
        session = store.create("a")
        session.append(_call("c1"), Message.user("meanwhile"), Message.tool("c1", 1))
        call, user, answer = session.messages()
        assert session.messages(repair_tool_calls=True) == [call, answer, user]

    def test_an_answer_to_nothing_is_left_out(self, store: Store) -> None:
        session = store.create("a")
        session.append(
            Message.tool("none", 1),
            _call("c1", text="words stay"),
            Message.tool("c1", 1),
            Message.tool("c1", 2),
            Message(role="user", parts=(TextPart("kept"), ToolCallResponsePart(3, "none"))),
        )
        line = session.messages(repair_tool_calls=True)
        assert [m.role for m in line] == ["assistant", "tool", "user"]
        assert line[1] == session.messages()[2]
        assert line[2].parts == (TextPart("kept"),)

    def test_one_message_with_several_answers(self, store: Store) -> None:
        session = store.create("a")
        answers = Message(role="tool", parts=(ToolCallResponsePart(2, "c2"), ToolCallResponsePart(1, "c1")))
        session.append(_call("c1", "c2"), answers)
        line = session.messages(repair_tool_calls=True)
        assert sorted(p.id or "" for m in line[1:] for p in m.parts) == ["c1", "c2"]  # type: ignore[union-attr]  # answers
        assert all(m.role == "tool" for m in line[1:])

    def test_an_id_used_again_in_a_later_turn(self, store: Store) -> None:
        session = store.create("a")
        session.append(_call("c1"), Message.tool("c1", "first"), _call("c1"), Message.tool("c1", "second"))
        assert session.messages(repair_tool_calls=True) == session.messages()

    def test_windows_are_repaired_too(self, store: Store) -> None:
        session = store.create("a")
        session.append(Message.user("q"), _call("c1"), Message.tool("c1", 1), _call("c2"))
        line = session.messages(last=2, repair_tool_calls=True)
        assert [m.role for m in line] == ["assistant", "tool"]
        at = session.messages(at=3, repair_tool_calls=True)
        assert [m.role for m in at] == ["user", "assistant", "tool"]
        assert at[2].metadata == {"synthetic": True}

    def test_a_call_whose_answer_was_erased(self, store: Store) -> None:
        session = store.create("a")
        session.append(_call("c1"), Message.tool("c1", 1), Message.user("x"))
        session.erase(session.messages()[1].id)
        line = session.messages(repair_tool_calls=True)
        assert [m.role for m in line] == ["assistant", "tool", "user"]
        assert [p.id for p in line[1].parts if isinstance(p, ToolCallResponsePart)] == ["c1"]
