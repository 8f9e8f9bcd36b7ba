"""Where other tools write: their folders on each system, which files are theirs, links, databases."""

import os
import sqlite3
from pathlib import Path

import pytest

from recollect import Store
from recollect.formats import import_formats
from recollect.transfer.tools import TOOLS, spots, tool_names

from .claude_files import claude, counts


@pytest.fixture
def one_store():
    with Store("memory:") as opened:
        yield opened


def test_every_tool_is_a_format_that_can_be_imported():
    assert set(tool_names()) <= set(import_formats())
    assert len(set(tool_names())) == len(TOOLS)


def folders(name, environ, platform="linux"):
    return [Path(spot.folder) for spot in spots([name], {"HOME": "/h", **environ}, platform)]


@pytest.mark.parametrize(
    ("name", "environ", "platform", "expected"),
    [
        ("claude-code", {}, "linux", ["/h/.claude/projects", "/h/.config/claude/projects"]),
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/c"}, "linux", ["/c/projects"]),
        (
            "claude-code",
            {"CLAUDE_CONFIG_DIR": ""},
            "linux",
            ["/h/.claude/projects", "/h/.config/claude/projects"],
        ),
        ("codex", {}, "linux", ["/h/.codex/sessions", "/h/.codex/archived_sessions"]),
        ("codex", {"CODEX_HOME": "~/x"}, "linux", ["/h/x/sessions", "/h/x/archived_sessions"]),
        ("copilot-cli", {"COPILOT_HOME": "/c"}, "linux", ["/c/session-state"]),
        ("gemini-cli", {"GEMINI_CLI_HOME": "/g"}, "linux", ["/g/.gemini/tmp"]),
        ("pi", {}, "linux", ["/h/.pi/agent/sessions"]),
        ("pi", {"PI_CODING_AGENT_SESSION_DIR": "/s"}, "linux", ["/h/.pi/agent/sessions", "/s"]),
        ("opencode", {"XDG_DATA_HOME": "/d"}, "linux", ["/d/opencode", "/h/.local/share/opencode"]),
        ("llm", {}, "linux", ["/h/.config/io.datasette.llm"]),
        ("llm", {"XDG_CONFIG_HOME": "/c"}, "linux", ["/c/io.datasette.llm"]),
        ("llm", {"LLM_USER_PATH": "/u"}, "linux", ["/u"]),
        (
            "llm",
            {},
            "darwin",
            ["/h/Library/Application Support/io.datasette.llm", "/h/.config/io.datasette.llm"],
        ),
        ("llm", {"APPDATA": "/roaming"}, "win32", ["/roaming/io.datasette.llm"]),
    ],
)
@pytest.mark.skipif(os.name != "posix", reason="paths as POSIX writes them")
def test_folders(name, environ, platform, expected):
    assert folders(name, environ, platform) == [Path(folder) for folder in expected]


PLACES = {
    "claude-code": (".claude/projects/-a/s.jsonl", ".claude/projects/-a/s/subagents/agent-1.jsonl"),
    "codex": (
        ".codex/sessions/2026/01/02/rollout-x.jsonl",
        ".codex/archived_sessions/rollout-y.jsonl.zst",
    ),
    "copilot-cli": (".copilot/session-state/id/events.jsonl",),
    "gemini-cli": (".gemini/tmp/hash/chats/session-1.json", ".gemini/tmp/hash/chats/session-2.jsonl"),
    "pi": (".pi/agent/sessions/--p--/1_2.jsonl",),
    "opencode": (".local/share/opencode/storage/session/p/ses_1.json", ".local/share/opencode/opencode.db"),
    "llm": (".config/io.datasette.llm/logs.db",),
    "magellai": (".config/magellai/sessions/a.json", ".magellai/sessions/recovery/recovery.json"),
    "synapse": (".config/synapse/sessions.db",),
    "claude-agent-sdk": (".claude_sdk/sessions/a.json",),
    "go-deep-agent": (".go-deep-agent/sessions/a.json", ".go-deep-agent/memories/b.json"),
}
NOT_SESSIONS = (
    ".claude/settings.json",
    ".claude/projects/-a/memory/MEMORY.md",
    ".codex/history.jsonl",
    ".codex/sessions/2026/notes.jsonl",
    ".copilot/session-state/id/files/events.jsonl",
    ".gemini/tmp/hash/logs.json",
    ".gemini/tmp/hash/checkpoints/chats/x.json",
    ".local/share/opencode/storage/message/ses_1/msg_1.json",
    ".config/io.datasette.llm/keys.json",
    ".config/synapse/other.db",
)


def test_which_files_belong_to_a_tool(one_store, hermetic):
    assert set(PLACES) == set(tool_names())
    for place in [*(place for places in PLACES.values() for place in places), *NOT_SESSIONS]:
        (hermetic / place).parent.mkdir(parents=True, exist_ok=True)
        (hermetic / place).write_text("{}")
    result = one_store.sync(dry_run=True)
    found = {(file.tool, Path(file.path).relative_to(hermetic).as_posix()) for file in result.read}
    assert found == {(tool, place) for tool, places in PLACES.items() for place in places}


def test_links_are_followed_but_not_in_circles(one_store, hermetic, tmp_path):
    claude(tmp_path, 1, folder="real/-p")
    projects = hermetic / ".claude/projects"
    projects.mkdir(parents=True)
    (projects / "-linked").symlink_to(tmp_path / "real")
    (tmp_path / "real" / "back").symlink_to(projects)
    (tmp_path / "real" / "twice").symlink_to(tmp_path / "real" / "-p")
    (projects / "broken.jsonl").symlink_to(tmp_path / "absent")
    os.mkfifo(projects / "pipe.jsonl")
    result = one_store.sync()
    assert (counts(result), result.imported.damaged) == ((1, 1, 0, 0), [])


def test_the_same_folder_under_two_names_is_looked_into_once(one_store, hermetic):
    claude(hermetic, 1)
    (hermetic / ".config").mkdir()
    (hermetic / ".config/claude").symlink_to(hermetic / ".claude")
    assert counts(one_store.sync()) == (1, 1, 0, 0)


def test_a_database_whose_news_are_in_its_log_has_changed(one_store, hermetic):
    folder = hermetic / ".config/synapse"
    folder.mkdir(parents=True)
    path = folder / "sessions.db"
    writer = sqlite3.connect(path)
    writer.executescript(
        "PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0;"
        "CREATE TABLE sessions(id TEXT PRIMARY KEY, name TEXT, provider TEXT, model TEXT, created_at TEXT,"
        " updated_at TEXT);"
        "CREATE TABLE messages(id TEXT PRIMARY KEY, session_id TEXT, role TEXT, content TEXT, timestamp TEXT,"
        " tool_calls TEXT, tool_results TEXT);"
    )
    session, at = "0190a000-0000-7000-8000-000000000001", "2026-01-01T00:00:00+00:00"
    writer.execute("INSERT INTO sessions VALUES (?, 'n', 'openai', 'm', ?, ?)", (session, at, at))

    def say(number):
        key = f"0190a000-0000-7000-8000-00000000010{number}"
        writer.execute(
            "INSERT INTO messages VALUES (?, ?, 'user', ?, ?, NULL, NULL)", (key, session, f"m{number}", at)
        )
        writer.commit()

    say(1)
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert one_store.sync().imported.messages == 1
    before = path.stat()
    say(2)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)
    result = one_store.sync()
    assert (counts(result, "synapse"), result.imported.messages) == ((1, 0, 1, 0), 1)
    assert counts(one_store.sync(), "synapse") == (1, 0, 0, 1)
    say(3)
    assert one_store.import_(path).messages == 1
    writer.close()
