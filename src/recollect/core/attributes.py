"""Session attributes: their check, and the verbs that change them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from ..backend import SessionRow
from ..errors import InvalidError
from ..model import SessionInfo
from ..records import HeadBody, Line, Patch, State
from .base import Core, Handle
from .batch import Batch
from .drafts import check_json, join_surrogates
from .ids import check_name
from .writing import Change, write

SETTABLE = (
    "name",
    "provider",
    "model",
    "system_prompt",
    "tags",
    "metadata",
    "summary",
    "pinned",
    "expires_at",
)


def patch_of(attributes: Mapping[str, Any]) -> Patch:
    """User-given attributes as a patch. Raises InvalidError for what cannot be stored."""
    values: dict[str, Any] = {}
    for name, value in attributes.items():
        if name not in SETTABLE:
            raise InvalidError(
                f"A session has no attribute {name!r} to set.", hint=f"There are {', '.join(SETTABLE)}."
            )
        values[name] = _checked(name, value)
    return Patch(**values)


def _checked(name: str, value: Any) -> Any:
    if name == "tags":
        return check_tags(value)
    if name == "metadata":
        if not isinstance(value, Mapping):
            raise InvalidError(f"metadata must be a dict, not {type(value).__name__}.")
        return check_json(dict(value), "metadata")
    if name == "pinned":
        if not isinstance(value, bool):
            raise InvalidError(f"pinned must be True or False, not {value!r}.")
    elif name == "expires_at":
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise InvalidError(f"expires_at must be a datetime with a time zone, not {value!r}.")
        return value.astimezone(UTC)
    elif value is not None and not isinstance(value, str):
        raise InvalidError(f"{name} must be text or None, not {type(value).__name__}.")
    return join_surrogates(value) if isinstance(value, str) else value


def check_tags(tags: Any) -> tuple[str, ...]:
    """Tags without repetition, in the order given."""
    if isinstance(tags, str) or not isinstance(tags, Iterable):
        raise InvalidError(f"tags must be a list of texts, not {tags!r}.")
    return tuple(dict.fromkeys(check_name("tag", tag) for tag in tags))


async def update(
    core: Core, handle: Handle, attributes: Mapping[str, Any], *, expect: int | None = None
) -> SessionInfo:
    """Set attributes; those not given stay. Without a difference nothing is written."""
    patch = patch_of(attributes)
    return await _patch(core, handle, lambda _: patch, expect)


async def retag(
    core: Core, handle: Handle, add: Iterable[str], remove: Iterable[str], *, expect: int | None = None
) -> SessionInfo:
    """Add and remove tags."""
    added, removed = check_tags(tuple(add)), frozenset(check_tags(tuple(remove)))

    def patch(info: SessionInfo) -> Patch:
        kept = tuple(tag for tag in info.tags if tag not in removed)
        return Patch(tags=tuple(dict.fromkeys(kept + added)))

    return await _patch(core, handle, patch, expect)


async def _patch(
    core: Core, handle: Handle, make: Callable[[SessionInfo], Patch], expect: int | None
) -> SessionInfo:
    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        patch = make(state.info)
        if all(getattr(state.info, name) == value for name, value in patch.changes().items()):
            return state.info
        batch = Batch(core, row, state)
        batch.update(patch)
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


async def touch(core: Core, handle: Handle, *, expect: int | None = None) -> SessionInfo:
    """Make the session the newest, changing nothing else."""

    async def build(row: SessionRow, state: State) -> Change[SessionInfo]:
        batch = Batch(core, row, state)
        batch.update(Patch())
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)


async def clear(core: Core, handle: Handle, *, expect: int | None = None) -> SessionInfo:
    """Let the active line begin anew; what was said stays in the log."""

    async def build(row: SessionRow, state: State) -> Change[SessionInfo] | SessionInfo:
        if not state.tip:
            return state.info
        batch = Batch(core, row, state)
        batch.point(HeadBody(state.info.branch, 0, why="clear"), Line())
        return batch.change(batch.state.info)

    return await write(core, handle, build, expect)
