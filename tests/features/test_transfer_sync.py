"""Keeping in step: what is found, what is read, what is left alone."""

import asyncio
import builtins
import json
import os
import time

import pytest

from recollect import AccessError, AsyncStore, InvalidError, NotFoundError, Store, SyncedFile
from recollect.backend import Key
from recollect.stepping import step
from recollect.transfer import importing, ledger, syncing

from .claude_files import append, claude, counts, said, session_id

OLD = time.time() - 3600


@pytest.fixture(params=["memory", "sqlite", "file"])
def store(request, tmp_path):
    urls = {"memory": "memory:", "sqlite": f"sqlite:///{tmp_path}/s.db", "file": f"file://{tmp_path}/store"}
    with Store(urls[request.param]) as opened:
        yield opened


@pytest.fixture
def one_store():
    with Store("memory:") as opened:
        yield opened


def texts(store, number):
    return [message.text for message in store.get(session_id(number)).messages()]


# What is read


def test_new_then_grown_then_unchanged(store, hermetic):
    path = claude(hermetic, 1, 2)
    claude(hermetic, 2, 1)
    first = store.sync()
    assert counts(first) == (2, 2, 0, 0)
    assert (first.imported.created, first.imported.messages, first.imported.damaged) == (2, 3, [])
    append(path, said(1, 3, "more") + said(1, 4, "yes"))
    second = store.sync()
    assert counts(second) == (2, 0, 1, 1)
    assert second.read == [
        SyncedFile(str(path), "claude-code", "changed", path.stat().st_size, 2, [session_id(1)])
    ]
    assert (second.imported.updated, second.imported.unchanged, second.imported.messages) == (1, 1, 2)
    assert texts(store, 1) == ["hello", "hello", "more", "yes"]
    third = store.sync()
    assert counts(third) == (2, 0, 0, 2)
    assert (third.read, third.imported.messages, third.imported.unchanged) == ([], 0, 2)


def test_an_unchanged_tree_costs_no_look_into_any_file(one_store, hermetic, monkeypatch):
    for number in range(2000):
        claude(hermetic, number, folder=f".claude/projects/-p{number % 40}")
    assert one_store.sync().imported.created == 2000
    opened = []
    real = builtins.open

    def watched(file, *args, **kwargs):
        opened.append(str(file))
        return real(file, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", watched)
        patch.setattr("io.open", watched)
        result = one_store.sync()
    assert counts(result) == (2000, 0, 0, 2000)
    assert [path for path in opened if path.startswith(str(hermetic))] == []


def test_a_file_that_grew_by_a_line_is_read_from_its_last_reply(one_store, hermetic, monkeypatch):
    path = claude(hermetic, 1, 200, pad=80_000)
    assert path.stat().st_size > 8_000_000
    one_store.sync()
    append(path, said(1, 201, "one more"))
    read = []
    real = builtins.open

    class Counted:
        def __init__(self, file):
            self._file = file

        def __getattr__(self, name):
            return getattr(self._file, name)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self._file.close()

        def read(self, size=-1):
            piece = self._file.read(size)
            read.append(len(piece))
            return piece

    def counted(file, *args, **kwargs):
        opened = real(file, *args, **kwargs)
        return Counted(opened) if str(file) == str(path) else opened

    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", counted)
        result = one_store.sync()
    assert (result.imported.messages, result.imported.damaged) == (1, [])
    assert texts(one_store, 1)[-1] == "one more"
    assert 0 < sum(read) < 500_000
    assert one_store.export(session_id(1), format="native") == path.read_bytes()


def test_a_file_written_anew_is_read_whole(store, hermetic):
    path = claude(hermetic, 1, 4)
    store.sync()
    path.write_text(said(1, 1) + said(1, 2, "answered otherwise"))
    result = store.sync()
    assert counts(result) == (1, 0, 1, 0)
    assert result.imported.damaged == []


def test_what_was_imported_by_hand_is_known(store, hermetic):
    claude(hermetic, 1, 2)
    store.import_(hermetic / ".claude")
    assert counts(store.sync()) == (1, 0, 0, 1)


def test_sources_are_kept_unless_told_otherwise(store, hermetic):
    path = claude(hermetic, 1, 2)
    store.sync(keep_source=False)
    assert counts(store.sync(keep_source=False)) == (1, 0, 0, 1)
    assert counts(store.sync()) == (1, 0, 1, 0)  # now they are wanted
    assert store.export(session_id(1), format="native") == path.read_bytes()
    assert counts(store.sync()) == (1, 0, 0, 1)


def test_a_deleted_session_does_not_come_back_by_itself(store, hermetic):
    claude(hermetic, 1, 2)
    store.sync()
    store.delete(session_id(1))
    assert store.sync().imported.created == 0
    assert not store.exists(session_id(1))


def test_files_that_are_gone_change_nothing(store, hermetic):
    path = claude(hermetic, 1, 2)
    store.sync()
    path.unlink()
    assert counts(store.sync()) == (0, 0, 0, 0)
    assert store.exists(session_id(1))


@pytest.mark.parametrize("engine", ["memory:", "sqlite:///{}/s.db"])
def test_a_file_followed_for_long_does_not_make_the_ledger_long(engine, hermetic, tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "SPARE", 10)
    path, other = claude(hermetic, 1), claude(hermetic, 2)
    key = Key(ledger.NAMESPACE, "default")
    with Store(engine.format(tmp_path)) as store:
        for number in range(2, 60):
            append(path, said(1, number))
            assert store.sync().imported.damaged == []
            assert len(step(store._core.backend.read(key))) <= 20
        assert counts(store.sync()) == (2, 0, 0, 2)
        assert len(store.get(session_id(1)).messages()) == 59
        for number, file in ((1, path), (2, other)):
            assert store.export(session_id(number), format="native") == file.read_bytes()


# Lines on their way


def test_half_a_line_is_no_damage_while_it_is_being_written(store, hermetic):
    path = claude(hermetic, 1, 2)
    whole = said(1, 3, "third")
    append(path, whole[:40])
    first = store.sync()
    assert (first.imported.messages, first.imported.damaged) == (2, [])
    append(path, whole[40:])
    second = store.sync()
    assert (second.imported.messages, second.imported.damaged) == (1, [])
    assert texts(store, 1) == ["hello", "hello", "third"]
    assert store.export(session_id(1), format="native") == path.read_bytes()


def test_half_a_line_that_stays_is_told_once(store, hermetic):
    path = claude(hermetic, 1, 2)
    append(path, said(1, 3)[:40])
    assert store.sync().imported.damaged == []
    stayed = store.sync()
    assert [damage.file for damage in stayed.imported.damaged] == [str(path)]
    assert store.sync().imported.damaged == []


def test_half_a_line_of_an_old_file_is_told_at_once(store, hermetic):
    path = claude(hermetic, 1, 2)
    append(path, said(1, 3)[:40])
    os.utime(path, (OLD, OLD))
    assert len(store.sync().imported.damaged) == 1
    assert counts(store.sync()) == (1, 0, 0, 1)


def test_damage_further_up_is_always_told(store, hermetic):
    path = claude(hermetic, 1, 2)
    append(path, said(1, 3)[:40] + "\n" + said(1, 4))
    result = store.sync()
    assert len(result.imported.damaged) == 1
    assert result.imported.messages == 3


# Errors of one file


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (KeyError("a secret"), "it cannot be read: KeyError"),
        (PermissionError(13, "Permission denied"), "it cannot be read: Permission denied"),
        (AccessError("No."), "No."),
    ],
)
def test_a_file_that_cannot_be_read_stops_nothing(store, hermetic, monkeypatch, failure, reason):
    claude(hermetic, 1)
    bad = claude(hermetic, 2)
    claude(hermetic, 3)
    real = syncing._SyncRun.take

    async def take(self, place, *, quick=False):
        if place.path == bad:
            raise failure
        return await real(self, place, quick=quick)

    with monkeypatch.context() as patch:
        patch.setattr(syncing._SyncRun, "take", take)
        result = store.sync()
    assert [(damage.file, damage.reason) for damage in result.imported.damaged] == [(str(bad), reason)]
    assert len(store.sessions()) == 2
    assert store.sync().imported.created == 1


def test_a_file_that_vanishes_meanwhile_stops_nothing(store, hermetic, monkeypatch):
    claude(hermetic, 1)
    gone = claude(hermetic, 2)
    real = syncing._SyncRun.entry

    async def entry(self, path):
        if path == str(gone) and gone.exists():
            gone.unlink()
        return await real(self, path)

    monkeypatch.setattr(syncing._SyncRun, "entry", entry)
    result = store.sync()
    assert [damage.file for damage in result.imported.damaged] == [str(gone)]
    assert result.imported.created == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_is_closed_is_told(store, hermetic):
    claude(hermetic, 1)
    closed = hermetic / ".claude/projects/-closed"
    closed.mkdir(mode=0o000)
    result = store.sync()
    closed.chmod(0o700)
    assert [damage.file for damage in result.imported.damaged] == [str(closed)]
    assert result.imported.created == 1


def test_what_was_read_before_an_interruption_is_not_read_again(one_store, hermetic, monkeypatch):
    for number in range(6):
        claude(hermetic, number)
    monkeypatch.setattr(syncing, "SAVE_EVERY", 0.0)
    real, taken = importing.Run.take, []

    async def take(self, place, *, quick=False):
        if len(taken) == 4:
            raise KeyboardInterrupt
        taken.append(place.path)
        return await real(self, place, quick=quick)

    with monkeypatch.context() as patch:
        patch.setattr(importing.Run, "take", take)
        with pytest.raises(KeyboardInterrupt):
            one_store.sync()
    assert counts(one_store.sync()) == (6, 2, 0, 4)


# Dry runs, tools, paths


def test_a_dry_run_writes_nothing(store, hermetic):
    path = claude(hermetic, 1, 2)
    result = store.sync(dry_run=True)
    assert counts(result) == (1, 1, 0, 0)
    assert result.dry_run
    assert result.read == [SyncedFile(str(path), "claude-code", "new", path.stat().st_size)]
    assert (result.imported.created, len(store.sessions())) == (0, 0)
    assert counts(store.sync()) == (1, 1, 0, 0)


def test_a_read_only_store_allows_dry_runs_alone(hermetic, tmp_path):
    url = f"sqlite:///{tmp_path}/s.db"
    with Store(url) as opened:
        claude(hermetic, 1)
        opened.sync()
    claude(hermetic, 2)
    with Store(url, readonly=True) as opened:
        assert counts(opened.sync(dry_run=True)) == (2, 1, 0, 1)
        with pytest.raises(AccessError):
            opened.sync()


def test_named_tools_alone(one_store, hermetic):
    claude(hermetic, 1)
    assert counts(one_store.sync(tools=["codex"])) == (0, 0, 0, 0)
    assert one_store.sync(tools=["codex", "claude-code"]).imported.created == 1
    with pytest.raises(InvalidError, match="no tool 'nothing'"):
        one_store.sync(tools=["nothing"])


def test_other_paths_too(one_store, hermetic, tmp_path):
    claude(hermetic, 1)
    claude(tmp_path, 2, folder="elsewhere/deep")
    alone = claude(tmp_path, 3, folder="alone")
    result = one_store.sync([tmp_path / "elsewhere", alone])
    assert (counts(result), counts(result, "")) == ((1, 1, 0, 0), (2, 2, 0, 0))
    assert len(one_store.sync(str(alone), tools=[]).folders) == 1
    append(alone, said(3, 2))
    assert one_store.sync(alone, tools=[]).imported.messages == 1
    with pytest.raises(NotFoundError):
        one_store.sync([tmp_path / "absent"])


def test_a_path_inside_a_known_folder_is_counted_once(one_store, hermetic):
    path = claude(hermetic, 1)
    result = one_store.sync([hermetic / ".claude", path])
    assert (counts(result), counts(result, "")) == ((1, 1, 0, 0), (0, 0, 0, 0))


def test_a_named_file_of_no_known_format_is_told(one_store, hermetic, tmp_path):
    (tmp_path / "notes.bin").write_bytes(b"nothing that anybody knows")
    claude(hermetic, 1)
    result = one_store.sync([tmp_path / "notes.bin"])
    assert [damage.reason for damage in result.imported.damaged] == ["no known format"]
    assert result.imported.created == 1


def test_the_result_as_json(one_store, hermetic):
    path = claude(hermetic, 1)
    document = json.loads(json.dumps(one_store.sync().to_dict()))
    assert (document["created"], document["messages"], document["dry_run"]) == (1, 1, False)
    assert document["folders"][0] == {
        "tool": "claude-code",
        "folder": str(hermetic / ".claude/projects"),
        "exists": True,
        "files": 1,
        "new": 1,
        "changed": 0,
        "unchanged": 0,
    }
    (read,) = document["read"]
    assert (read["path"], read["change"], read["sessions"]) == (str(path), "new", [session_id(1)])


def test_async_stores_do_the_same(hermetic, tmp_path):
    claude(hermetic, 1, 2)

    async def use():
        async with AsyncStore(f"sqlite:///{tmp_path}/s.db") as opened:
            first = await opened.sync()
            return first.imported.messages, counts(await opened.sync())

    assert asyncio.run(use()) == (2, (1, 0, 0, 1))
