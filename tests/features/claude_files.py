"""Invented session files of Claude Code in a home folder, and the counts of a sync over them."""

from __future__ import annotations

import json


def session_id(number):
    return f"{number:08d}-0000-4000-8000-000000000000"


def said(number, count, text="hello", pad=0):
    """A line of Claude Code: message ``count`` of a session, alternately asked and answered."""
    own, before = (f"{number:08d}-0000-4000-8000-{c:012d}" for c in (count, count - 1))
    message = {"role": "user", "content": text}
    if count % 2 == 0:
        message = {
            "id": f"msg_{number}_{count}",
            "role": "assistant",
            "model": "claude-x",
            "content": [{"type": "text", "text": text + "." * pad}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }
    record = {
        "type": message["role"],
        "uuid": own,
        "parentUuid": before if count > 1 else None,
        "sessionId": session_id(number),
        "timestamp": f"2026-01-01T00:00:{count % 60:02d}Z",
        "cwd": "/project",
        "version": "2.0.1",
        "message": message,
    }
    return json.dumps(record) + "\n"


def claude(home, number, count=1, folder=".claude/projects/-project", **how):
    """A session file of ``count`` messages."""
    path = home / folder / f"{session_id(number)}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(said(number, one, **how) for one in range(1, count + 1)))
    return path


def append(path, text):
    with path.open("a") as file:
        file.write(text)


def counts(result, tool="claude-code"):
    """Files, new, changed, unchanged of a tool."""
    found = [folder for folder in result.folders if folder.tool == tool]
    return tuple(sum(getattr(f, name) for f in found) for name in ("files", "new", "changed", "unchanged"))
