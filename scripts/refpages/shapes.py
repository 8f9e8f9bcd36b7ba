"""docs/reference/json.md: the JSON that ``--json``, ``to_dict`` and the stored records are made of."""

from __future__ import annotations

import json
from typing import Any, get_args

import recollect
from recollect import (
    BlobPart,
    BusyError,
    Message,
    Store,
    TextPart,
    ToolCallPart,
    Usage,
    model,
)
from recollect.cli.codes import exit_code

from . import source
from .writing import block, page, table

START = 1_767_258_000_000_000  # 2026-01-01T09:00:00Z
IDS = ("a1", "a2", "a3")


class _Clock:
    """A clock that moves one second with every look at it."""

    def __init__(self) -> None:
        self.moment = START

    def now(self) -> int:
        self.moment += 1_000_000
        return self.moment

    async def sleep(self, seconds: float) -> None:
        self.moment += round(seconds * 1_000_000)


def shapes() -> str:
    """The page."""
    with Store("memory:", clock=_Clock()) as store:
        session = store.open(
            "user-123", name="Rust", tags=["learning"], metadata={"team": "docs"}, provider="openai"
        )
        usage = Usage(input_tokens=12, output_tokens=9, cost_usd="0.000345")  # type: ignore[arg-type]  # converted
        session.append(
            Message.user("What is Rust?", id=IDS[0]),
            Message.assistant("A language without a garbage collector.", id=IDS[1], model="m-1", usage=usage),
        )
        history = {"history": [entry.to_dict() for entry in session.history()], "next": None}
        info, messages, hits = session.info, session.messages(), store.search("garbage")
        shown = {"session": info.to_dict(), "messages": [message.to_dict() for message in messages]}
        found = {"hits": [hit.to_dict() | {"score": 0.5} for hit in hits], "next": None}
    result = recollect.ImportResult(
        created=1,
        messages=2,
        sessions=["user-123"],
        damaged=[recollect.Damage("chats.jsonl", 40961, "The line is not JSON.")],
    )
    synced = recollect.SyncResult(
        [recollect.SyncedFolder("codex", "~/.codex/sessions", exists=True, files=3, new=1, unchanged=2)],
        [recollect.SyncedFile("~/.codex/sessions/rollout-1.jsonl", "codex", "new", 4711, 2, ["user-123"])],
        recollect.ImportResult(created=1, unchanged=2, messages=2, sessions=["user-123", "b", "c"]),
    )
    cleaned = recollect.CleanupResult(
        sessions_deleted=1,
        by_age=0,
        by_limit=1,
        by_size=0,
        bytes_freed=0,
        sessions=["user-123"],
        dry_run=True,
    )
    error = BusyError("Another process has been writing to chats.db for 30 seconds.", hint="Try again.")
    return page(
        "JSON",
        "These shapes are stable: fields are added, not renamed or removed. The command line prints them with"
        " `--json`; in Python `Message.to_dict()`, `SessionInfo.to_dict()` and `Hit.to_dict()` return them."
        " Times are RFC 3339 in UTC with six digits. Costs are decimal numbers in text, so that no digit is"
        " lost. With `--jsonl` lists come as one value a line.",
        "## sessions list",
        _json({"sessions": [info.to_dict()], "next": None}),
        "`next` is given back as `--cursor` for the rest of the list, and null at its end.",
        "## sessions show",
        _json(shown),
        "## search",
        _json(found),
        "`position` counts the messages of the line from 1. Matches in `snippet` stand between `**`."
        " A larger `score` is a better match; it is 0 in the order `newest`.",
        "## import",
        _json(_import(result)),
        "`messages` counts those added. `sessions` names every session that the files speak of.",
        "## sync",
        _json(synced.to_dict()),
        "As `import`, with the folders that were looked for and the files that were read, or with `--dry-run`"
        " would be. With `--watch` each file that was read is an object on a line of its own, and so is each"
        ' damaged place: `{"damaged": {…}}`.',
        "## sessions history",
        _json(history),
        "`version` is that of the change's newest record; `records` says how many it has. `next` is given"
        " back as `--before` for older changes.",
        "## cleanup",
        _json(cleaned.to_dict()),
        *_moves(),
        "## Errors",
        _json(_error(error)),
        "Goes to stdout with `--json`. `kind` is the `code` of [the error](errors.md), `code` the exit code.",
        "## Messages and their parts",
        "The parts follow the GenAI message schema of OpenTelemetry. A field that is at its default is left"
        " out of a part; a message has all its fields.",
        table(["`type`", "fields", "meaning"], _parts()),
        _json(_sample().to_dict()),
    )


def _moves() -> list[str]:
    """Moving sessions: between stores, into an archive and out of one."""
    moved = recollect.MigrateResult(
        sessions=3,
        created=1,
        updated=1,
        records=12,
        messages=9,
        bytes=4711,
        passes=2,
        conflicts=[recollect.MoveConflict("", "user-123", 5, "renamed", "user-123~2")],
        verified=recollect.LogComparison(3, 40, 0, 15_001),
    )
    return [
        "## migrate, restore",
        _json({**moved.to_dict(), "seconds": 0.25}),
        "`complete` says whether the destination holds everything. `namespace` is seen from the source's own,"
        " `record` is the first that is another one over there, `outcome` is `skipped`, `renamed` or"
        " `branched`. `damaged` and `different` hold objects with `place` and `problem`; `verified` is null"
        " without `--verify`.",
        "## backup",
        _json({**recollect.BackupResult(3, 40, 0, 1, 10_240).to_dict(), "file": "chats.backup"}),
        "`imports` counts the imported files that the archive knows of, `bytes` is its size.",
    ]


def _import(result: recollect.ImportResult) -> dict[str, Any]:
    return result.to_dict()


def _error(error: recollect.StoreError) -> dict[str, Any]:
    return {
        "error": {
            "code": exit_code(error),
            "kind": error.code,
            "message": error.message,
            "hint": error.hint,
            "retryable": error.retryable,
        }
    }


def _parts() -> list[list[str]]:
    rows = []
    for kind in get_args(model.Part):
        names = [f"`{field.name}`" for field in source.fields(kind)]
        tag = kind.__struct_config__.tag
        rows.append([f"`{tag}`", ", ".join(names), source.doc_of(source.node_of(kind)).split("\n\n")[0]])
    return rows


def _sample() -> Message:
    return Message.assistant(
        [
            TextPart("Let me look."),
            ToolCallPart("read_file", {"path": "notes.txt"}, id="call-1"),
            BlobPart(b"\x89PNG", mime_type="image/png", modality="image"),
        ],
        id=IDS[2],
    )


def _json(value: object) -> str:
    return block(json.dumps(value, indent=2, ensure_ascii=False), "json")
