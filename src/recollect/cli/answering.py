"""One message and its reply, on the way to a terminal, a pipe or a program."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import StoreError
from .codes import OK, PARTIAL, exit_code
from .streaming import writer

if TYPE_CHECKING:
    from .. import Message, Reply
    from .talk import Talk, TalkingApp

WHY = {
    "max_iterations": "The model was called as often as allowed and had no answer yet (--max-iterations).",
    "refused": "The model refused to answer.",
    "length": "The reply reached the longest that the model may write.",
}


def say_once(talk: Talk, said: str) -> int:
    """Say one message and print its reply; returns the exit code."""
    app = talk.app
    if talk.new:
        app.say(f"Session {talk.chat.session_id}")
    reply = answer(talk, said)
    failure: StoreError | None = None
    try:
        talk.chat.save()
    except StoreError as error:
        failure = error  # the reply is shown all the same
    if app.mode != "text":
        kept = failure is None and not talk.choices.ephemeral
        session = talk.chat.session.info.to_dict() if kept else None
        app.document({"session": session, "reply": reply.to_dict()})
    if failure is not None:
        app.complain(f"recollect: {failure}")
        return exit_code(failure)
    tell_end(app, reply)
    return OK if reply.success else PARTIAL


def answer(talk: Talk, said: str | Message) -> Reply:
    """Say something and show the reply as it comes. Raises what stopped it; what came is kept."""
    app = talk.app
    out = writer(app, stream=talk.choices.stream)
    with (
        app.writing_to(out),
        talk.chat.stream(said, max_iterations=talk.choices.max_iterations) as stream,
        out,
    ):
        for piece in stream:
            out.write(piece)
    return stream.reply


def tell_end(app: TalkingApp, reply: Reply) -> None:
    """Say why there is no answer, if there is none."""
    if not reply.success and reply.reason is not None:
        app.complain(WHY.get(reply.reason, "The reply was cut short."))
