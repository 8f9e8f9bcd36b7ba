"""Nodes of ChatGPT's trees that hold a message → messages, with calls and their answers paired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..model import Message, Part, Role
from .base import session_id_from
from .chatgpt_assets import Assets
from .chatgpt_parts import CONTEXTS, read_answer, read_call, read_parts
from .times import from_unix
from .values import chosen, dict_of, name_of, number_of, text_of

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
HIDDEN = "is_visually_hidden_from_conversation"
KEPT = ("citations", "content_references", "attachments", "gizmo_id")
"""Metadata of a message that is kept beside its parts."""

_MOST_OPEN = 64


class Node(NamedTuple):
    """A node with a message, by its key in ``mapping``."""

    key: str
    message: dict[str, Any]


class _Call(NamedTuple):
    node: int
    name: str
    answered: bool = False


def read_message(node: Node, answers: str | None, assets: Assets) -> Message:
    """A node's message; ``answers`` is the id of the call that a tool's message answers."""
    value, message_id = node.message, session_id_from(node.key)
    content = dict_of(value, "content")
    role = ROLES.get(text_of(value, "author", "role") or "", "assistant")
    recipient = called_by(value)
    parts: list[Part]
    if role == "tool":
        parts = read_answer(content, name_of(value, "author", "name"), answers, assets)
    elif recipient is not None:
        call_id = name_of(value, "metadata", "tool_call_id") or message_id
        parts = [read_call(content, recipient, call_id)]
    else:
        parts = read_parts(content, assets)
    return Message(
        message_id,
        None,
        role,
        tuple(parts),
        from_unix(value.get("create_time")),
        name_of(value, "metadata", "model_slug") if role == "assistant" else None,
        metadata=_metadata(value, role) or None,
    )


def called_by(value: dict[str, Any]) -> str | None:
    """The tool that an assistant's message goes to; None when it goes to the reader."""
    recipient = name_of(value, "recipient")
    if text_of(value, "author", "role") != "assistant" or recipient in ("all", "assistant", "user"):
        return None
    return recipient


def _metadata(value: dict[str, Any], role: Role) -> dict[str, Any]:
    metadata: dict[str, Any] = {}
    own = chosen(value.get("metadata"), *KEPT)
    injected = _injected(value)
    if injected is not None:
        metadata["injected"] = injected
    weight = number_of(value, "weight")
    if weight not in (None, 1) and injected != "out_of_context":
        own["weight"] = weight
    if name_of(value, "status") not in (None, "finished_successfully"):
        own["status"] = value["status"]
    own.update(chosen(value, "channel"))
    stated = text_of(value, "author", "role")
    if stated is not None and stated not in ROLES:
        own["role"] = stated
    if role != "tool" and name_of(value, "author", "name"):
        own["name"] = value["author"]["name"]
    recipient = name_of(value, "recipient")
    if recipient not in (None, "all") and called_by(value) is None:
        own["recipient"] = recipient
    content_type = text_of(value, "content", "content_type")
    if content_type in CONTEXTS:
        own["content_type"] = content_type
    if own:
        metadata["chatgpt"] = own
    return metadata


def _injected(value: dict[str, Any]) -> str | None:
    """How a message is marked that nobody saw: the profile and memories that the application puts
    in, what it hides, and what the model is not given (any more)."""
    if text_of(value, "content", "content_type") in CONTEXTS:
        return "context"
    if dict_of(value, "metadata").get(HIDDEN) is True:
        return "hidden"
    return "out_of_context" if number_of(value, "weight") == 0 else None


def paired(nodes: Sequence[Node], parents: Sequence[int], order: Sequence[int]) -> dict[int, str]:
    """For tools' nodes the ids of the calls that they answer; ``order`` has parents before children.

    Nothing in an export says which call an answer is for. It is the oldest on its line since the
    last user message that goes to that tool and has no answer, else the last one that went there:
    a browser gives several answers to one call.
    """
    found: dict[int, str] = {}
    open_calls: dict[int, tuple[_Call, ...]] = {-1: ()}
    for node in order:
        value = nodes[node].message
        calls = open_calls.get(parents[node], ())
        role = text_of(value, "author", "role")
        name = called_by(value)
        if role == "user":
            calls = ()
        elif name is not None:
            calls = (*calls[1 - _MOST_OPEN :], _Call(node, name))
        elif role == "tool" and calls:
            stated = name_of(value, "metadata", "tool_call_id")
            place = _answered(calls, name_of(value, "author", "name"))
            if place is not None:
                found[node] = stated or _call_id(nodes[calls[place].node])
                done = calls[place]._replace(answered=True)
                calls = (*calls[:place], done, *calls[place + 1 :])
        if role == "tool" and node not in found and name_of(value, "metadata", "tool_call_id"):
            found[node] = value["metadata"]["tool_call_id"]
        open_calls[node] = calls
    return found


def _answered(calls: tuple[_Call, ...], name: str | None) -> int | None:
    """The place of the call that a tool's message answers."""
    own = [i for i, call in enumerate(calls) if name is None or _same_tool(call.name, name)]
    waiting = [i for i in own if not calls[i].answered]
    return waiting[0] if waiting else own[-1] if own else None


def _same_tool(called: str, answering: str) -> bool:
    """Plugins and newer tools name the function on one side only: ``web`` and ``web.run``."""
    return called == answering or called.split(".")[0] == answering.split(".")[0]


def _call_id(node: Node) -> str:
    return name_of(node.message, "metadata", "tool_call_id") or session_id_from(node.key)
