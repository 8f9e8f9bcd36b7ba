"""One archive of a store: out, in, in again; cut, damaged, from the future."""

import asyncio
import io
import json
import tarfile
from datetime import UTC, datetime

import pytest

from recollect import (
    AsyncStore,
    BlobPart,
    InvalidError,
    Message,
    NotFoundError,
    Store,
    UnsupportedError,
)

from .moving_stores import ENGINES, fill, grow, opened, picture_of, url_of


@pytest.fixture
def store():
    with Store("memory:") as opened:
        yield opened


@pytest.fixture
def other():
    with Store("memory:") as opened:
        yield opened


@pytest.mark.parametrize(("first", "second"), list(zip(ENGINES, ENGINES[1:] + ENGINES[:1], strict=True)))
def test_what_is_backed_up_comes_back_to_the_byte(first, second, tmp_path):
    with opened(first, tmp_path / "a") as store, opened(second, tmp_path / "b") as other:
        fill(store, 20)
        file = tmp_path / "all.backup"
        written = store.backup(file)
        before = picture_of(store)
        assert written.sessions == len(before)
        assert written.bytes == file.stat().st_size
        assert file.stat().st_mode & 0o777 == 0o600
        result = other.restore_backup(file)
        assert result.complete
        assert (result.created, result.records) == (written.sessions, written.records)
        assert picture_of(other) == before
        assert other.verify().clean
        again = other.restore_backup(file)
        assert (again.unchanged, again.records) == (written.sessions, 0)
        assert picture_of(other) == before
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "all.backup", "b"]


def test_a_selection_and_other_namespaces(store, other, tmp_path):
    store.create("a", tags=["x"])
    store.create("b")
    store.namespace("inner").create("c", tags=["x"])
    assert store.backup(tmp_path / "x", tags=["x"]).sessions == 2
    other.namespace("team").restore_backup(tmp_path / "x")
    assert sorted(picture_of(other)) == [("team", "a"), ("team/inner", "c")]
    assert store.backup(tmp_path / "y", sessions=["b"]).sessions == 1
    assert store.backup(io.BytesIO(), all_namespaces=False).sessions == 2
    with pytest.raises(NotFoundError):
        store.backup(tmp_path / "none", sessions=["nobody"])
    assert not (tmp_path / "none").exists()


def test_a_restore_continues_and_lists_conflicts(store, other, tmp_path):
    session = store.create("s")
    session.append(Message.user("one", id="m1"))
    store.backup(tmp_path / "early")
    session.append(Message.user("two"), Message.user([BlobPart(b"\1" * 70_000)]))
    store.backup(tmp_path / "late")
    other.restore_backup(tmp_path / "early")
    assert other.restore_backup(tmp_path / "late", dry_run=True).updated == 1
    assert other.restore_backup(tmp_path / "late").updated == 1
    assert picture_of(other) == picture_of(store)
    assert other.restore_backup(tmp_path / "early").ahead == 1
    session.erase("m1")
    store.backup(tmp_path / "erased")
    other.restore_backup(tmp_path / "erased")
    assert picture_of(other) == picture_of(store)
    with Store("memory:") as third:
        third.create("s").append(Message.user("else"))
        (conflict,) = third.restore_backup(tmp_path / "late").conflicts
        assert (conflict.session, conflict.record, conflict.outcome) == ("s", 1, "skipped")
        (conflict,) = third.restore_backup(tmp_path / "late", on_conflict="rename").conflicts
        assert conflict.to == "s~2"
        assert third.get("s~2").messages()[0].text == "one"
        with pytest.raises(InvalidError, match="branch"):
            third.restore_backup(tmp_path / "late", on_conflict="branch")


def test_what_was_imported_is_known_after_a_restore(store, other, tmp_path):
    file = tmp_path / "chat.jsonl"
    file.write_bytes(b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n')
    store.sync([str(file)], tools=[])
    assert store.backup(tmp_path / "all").imports == 1
    assert other.restore_backup(tmp_path / "all").imports == 1
    assert other.sync([str(file)], tools=[]).read == []
    (session,) = other.sessions()
    assert other.export(session.id, format="native") == file.read_bytes()


@pytest.fixture
def archive(store, tmp_path):
    for number in range(12):
        grow(store, f"s{number:02}", number)
    store.backup(tmp_path / "whole")
    return (tmp_path / "whole").read_bytes()


def restored(content, tmp_path):
    (tmp_path / "part").write_bytes(content)
    with Store("memory:") as other:
        result = other.restore_backup(tmp_path / "part")
        assert other.verify().clean
        return result, picture_of(other)


def test_a_flipped_byte_costs_one_session_at_most(store, archive, tmp_path):
    whole = picture_of(store)
    for place in range(700, len(archive), len(archive) // 60):
        content = bytearray(archive)
        content[place] ^= 0x55
        result, found = restored(bytes(content), tmp_path)
        assert found.items() <= whole.items()
        assert len(found) >= len(whole) - 1, place
        if len(found) < len(whole):
            assert result.damaged, place
            assert not result.complete


def test_a_cut_archive_gives_back_what_is_there(store, archive, tmp_path):
    whole = picture_of(store)
    counts = []
    for size in range(2048, len(archive), len(archive) // 30):
        result, found = restored(archive[:size], tmp_path)
        assert found.items() <= whole.items()
        assert result.damaged or len(found) == len(whole)
        counts.append(len(found))
    assert counts == sorted(counts)
    assert counts[-1] >= len(whole) - 1


def test_other_files_and_later_versions_are_refused(store, other, archive, tmp_path):
    (tmp_path / "text").write_text("no backup at all")
    (tmp_path / "empty").write_bytes(b"")
    with tarfile.open(tmp_path / "tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("x"), io.BytesIO())
    for name in ("text", "empty", "tar"):
        with pytest.raises(InvalidError, match="no backup"):
            other.restore_backup(tmp_path / name)
    with pytest.raises(NotFoundError):
        other.restore_backup(tmp_path / "nobody")
    (tmp_path / "later").write_bytes(archive.replace(b'{"recollect_backup":1', b'{"recollect_backup":2'))
    with pytest.raises(UnsupportedError, match="version 2"):
        other.restore_backup(tmp_path / "later")
    assert picture_of(other) == {}


def test_a_damaged_session_is_backed_up_as_far_as_it_goes(store, other, tmp_path):
    store.create("good").append(Message.user("one"))
    store.create("bad").append(Message.user("one"), Message.user("two"))
    log = store._core.backend._logs[store._core.key("bad")].records
    del log[3]
    written = store.backup(tmp_path / "x")
    assert [finding.place for finding in written.damaged] == ["session 'bad', record 3"]
    assert other.restore_backup(tmp_path / "x").created == 2
    assert [message.text for message in other.get("bad").messages()] == ["one"]
    assert other.verify().clean


def test_an_archive_can_be_read_without_recollect(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        names = tar.getnames()
        lines = tar.extractfile("manifest.jsonl").read().splitlines()
    assert names[0] == "recollect-backup.json"
    assert names[-1] == "manifest.jsonl"
    members = [json.loads(line) for line in lines]
    assert [member["member"] for member in members[:-1]] == names[1:-1]
    assert members[-1]["sessions"] == len(members) - 1
    assert {member["session"] for member in members[:-1]} >= {"s00", "s11"}


def test_progress_and_async(tmp_path):
    told = []

    async def work():
        async with AsyncStore(url_of("sqlite", tmp_path)) as store:
            session = await store.create("s", expires_at=datetime(2999, 1, 1, tzinfo=UTC))
            await session.append(Message.user("one"))
            written = await store.backup(tmp_path / "x", progress=told.append)
            async with AsyncStore("memory:") as other:
                return written, await other.restore_backup(tmp_path / "x", progress=told.append)

    written, result = asyncio.run(work())
    assert written.sessions == result.created == 1
    assert [(step.phase, step.done, step.total, step.sessions) for step in (told[0], told[-1])] == [
        ("back up", 2, 2, 1),
        ("copy", 2, 2, 1),
    ]
