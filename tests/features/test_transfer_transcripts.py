"""The real transcripts through a store: counts, sources, growth."""

import os
import shutil
import tarfile
from pathlib import Path

import pytest

from recollect import Store

_BESIDE = Path(__file__).resolve().parents[3] / "shared" / "transcripts"
TRANSCRIPTS = Path(os.environ.get("RECOLLECT_TRANSCRIPTS") or _BESIDE)

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(not TRANSCRIPTS.is_dir(), reason=f"no real transcripts at {TRANSCRIPTS}"),
]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """A function that unpacks an archive once."""
    folders = {}

    def unpack(name: str) -> Path:
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp("real") / name
            with tarfile.open(TRANSCRIPTS / f"{name}.tar.xz") as archive:
                archive.extractall(folders[name], filter="data")
        return folders[name]

    return unpack


SOURCES = [
    # name, sessions, messages, sessions that share their file with others
    ("codex", 38, 6845),
    ("copilot_cli", 5, 137),
    ("pi", 1, 914),
    ("swe_agent", 11, 241),
    ("llm_logs", 120, 708),
    ("oasst", 124, 1019),
    ("openai_chat", 100, 2526),
    pytest.param("claude_code", 127, 19550, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "sessions", "messages"), SOURCES)
def test_all_come_in_once_and_every_file_goes_out_again(name, sessions, messages, unpacked, tmp_path):
    folder = unpacked(name)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with Store(f"sqlite:///{tmp_path}/s.db?durability=relaxed") as store:
        result = store.import_(folder)
        assert (result.created, result.messages, result.damaged) == (sessions, messages, [])
        again = store.import_(folder)
        assert (again.created, again.updated, again.unchanged, again.messages) == (0, 0, sessions, 0)
        written = store.export_all(tmp_path / "out", sessions=result.sessions, format="native")
        assert len(written) == sessions
        came_back = sorted(path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file())
        assert came_back == sorted(path.read_bytes() for path in files)
        report = store.verify()
        assert report.clean
        assert report.messages >= messages


def everything(store, session_id):
    session = store.get(session_id)
    info = session.info
    metadata = {key: value for key, value in info.metadata.items() if key != "imported"}
    branches = {(b.name, b.head, b.message_count, b.active) for b in session.branches()}
    nodes = {(n.message.id, n.message.parent_id, n.active) for n in session.tree()}
    return session.messages(), branches, nodes, info.usage, info.name, info.model, metadata


def series(unpacked, kind):
    root = unpacked("growing") / "growing"
    found = sorted({path.parent for path in (root / kind).rglob("*.jsonl")})
    assert found
    return [sorted(folder.glob("*.jsonl")) for folder in found]


@pytest.mark.parametrize("kind", ["claude_code/append", "codex"])
@pytest.mark.parametrize("in_place", [True, False], ids=["one file that grows", "many files"])
@pytest.mark.parametrize("engine", ["memory", "file"])
def test_what_grew_is_what_it_is_at_last(kind, in_place, engine, unpacked, tmp_path):
    for number, files in enumerate(series(unpacked, kind)):
        path = tmp_path / f"{number}.jsonl"
        url = "memory:" if engine == "memory" else f"file://{tmp_path}/{number}?durability=relaxed"
        with Store(url) as growing, Store("memory:") as whole:
            for file in files:
                shutil.copy(file, path)
                result = growing.import_(path if in_place else file)
                assert result.damaged == []
            (session_id,) = whole.import_(files[-1]).sessions
            assert everything(growing, session_id) == everything(whole, session_id)
            assert growing.export(session_id, format="native") == files[-1].read_bytes()
            assert growing.verify().clean


def test_what_was_rewritten_keeps_its_old_lines_as_branches(unpacked):
    for files in series(unpacked, "claude_code/rewritten"):
        with Store("memory:") as growing, Store("memory:") as whole:
            ids = set()
            for file in files:
                (session_id,) = growing.import_(file).sessions
                ids |= {message.id for message in growing.get(session_id).messages()}
            whole.import_(files[-1])
            assert growing.get(session_id).messages() == whole.get(session_id).messages()
            assert {node.message.id for node in growing.get(session_id).tree()} == ids
            on_branches = set()
            for branch in growing.get(session_id).branches():
                growing.get(session_id).checkout(branch.name)
                on_branches |= {message.id for message in growing.get(session_id).messages()}
            assert on_branches == ids
            assert growing.verify().clean


@pytest.mark.parametrize("name", ["chatgpt", "claude_ai", "open_webui", "librechat", "chatbotui"])
def test_exports_of_chat_programs(name, tmp_path):
    folder = TRANSCRIPTS / name
    with Store("memory:") as store:
        result = store.import_(folder)
        assert result.created
        assert result.damaged == []
        assert store.import_(folder).messages == 0
        store.export_all(tmp_path / "out", sessions=result.sessions, format="native")
        came_back = sorted(path.read_bytes() for path in (tmp_path / "out").iterdir())
        assert came_back == sorted(path.read_bytes() for path in folder.rglob("*.json"))
        assert store.verify().clean
