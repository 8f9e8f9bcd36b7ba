"""Moving whole stores: every pair of engines, killed and resumed, written to meanwhile, in conflict."""

import asyncio
import inspect
import itertools
import os
import signal
import subprocess
import sys

import pytest

from recollect import (
    AsyncStore,
    BlobPart,
    InvalidError,
    Message,
    NotFoundError,
    Store,
    amigrate,
    migrate,
)

from .moving_stores import ENGINES, fill, grow, named, opened, picture_of, url_of, versions

SESSIONS = 500 if int(os.environ.get("RECOLLECT_SOAK", "1")) > 1 else 30
PAIRS = list(itertools.product(ENGINES, ENGINES))


@pytest.fixture
def src():
    with Store("memory:") as store:
        yield store


@pytest.fixture
def dst():
    with Store("memory:") as store:
        yield store


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_every_log_is_the_same_on_the_other_side(first, second, tmp_path):
    with opened(first, tmp_path / "a") as src, opened(second, tmp_path / "b") as dst:
        fill(src, SESSIONS)
        before = picture_of(src)
        result = migrate(src, dst, verify=True)
        assert result.complete
        assert result.created == result.sessions == len(before) > SESSIONS
        assert picture_of(dst) == picture_of(src) == before
        assert result.verified.sessions == len(before)
        assert result.verified.records == result.records == sum(versions(src))
        assert result.blobs == result.verified.blobs > SESSIONS / 2
        for name in dst.namespaces():
            assert dst.namespace(name).verify().clean
        again = migrate(src, dst)
        assert (again.unchanged, again.records, again.created) == (len(before), 0, 0)
        hits = [sorted(hit.message_id for hit in store.search("answer OR aside")) for store in (src, dst)]
        assert hits[0] == hits[1] != []


KILLED = """
import sys, time, recollect
from recollect.transfer.moving import copying, sending
copying.BATCH_RECORDS = sending.MAX_RECORDS = int(sys.argv[3])
def tell(progress):
    print(progress.done, flush=True)
    time.sleep(0.001)
recollect.migrate(sys.argv[1], sys.argv[2], progress=tell)
"""


@pytest.mark.parametrize("share", [0.4, 0.9])
@pytest.mark.parametrize(("first", "second"), [pair for pair in PAIRS if "memory" not in pair])
def test_a_killed_move_goes_on_where_it_ended(first, second, share, tmp_path):
    """The first session is a long one: killed inside it, or among the small ones."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    urls = url_of(first, tmp_path / "a"), url_of(second, tmp_path / "b")
    with Store(urls[0]) as src:
        fill(src, SESSIONS)
        src.namespace("Alpha").create("long").append(
            *[Message.user(f"word {number}") for number in range(SESSIONS * 20)]
        )
        before, total = picture_of(src), sum(versions(src))
    command = [sys.executable, "-c", KILLED, *urls, str(max(20, SESSIONS // 4))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) >= total * share:
                break
        process.send_signal(signal.SIGKILL)
        process.stdout.read()
    assert process.returncode == -signal.SIGKILL
    with Store(urls[1]) as dst:
        there, moved = picture_of(dst), sum(versions(dst))
        assert 0 < moved < total
        assert (there == {} or len(there) == 1) == (share == 0.4)
        assert dst.verify().clean
    result = migrate(*urls, verify=True)
    assert result.complete
    assert result.records == total - moved
    assert result.unchanged + result.updated == len(there)
    assert result.updated <= 1
    assert result.updated == 1 or share != 0.4
    with Store(urls[1]) as dst:
        assert picture_of(dst) == before


def test_a_log_cut_anywhere_is_continued(src, dst):
    session = src.create("s")
    for number in range(5):
        session.append(Message.user(f"{number}"), Message.user([BlobPart(bytes([number]) * 70_000)]))
        assert migrate(src, dst, verify=True).complete
        assert picture_of(dst) == picture_of(src)
    assert migrate(src, dst, resume=False).unchanged == 1
    session.append(Message.user("more"))
    (left,) = migrate(src, dst, resume=False).conflicts
    assert (left.session, left.record, left.outcome) == ("s", session.info.version, "skipped")


@pytest.mark.parametrize("engine", ENGINES)
def test_large_logs_come_in_several_commits(engine, src, tmp_path, monkeypatch):
    from recollect.transfer.moving import copying

    monkeypatch.setattr(copying, "BATCH_RECORDS", 7)
    session = src.create("large")
    for number in range(40):
        session.append(Message.user(f"{number}"), Message.assistant("x" * number))
        if number % 10 == 9:
            session.edit(session.messages()[-1].id, "edited")
    with opened(engine, tmp_path / "b") as dst:
        assert migrate(src, dst, verify=True).complete
        assert picture_of(dst) == picture_of(src)
        assert dst.verify().clean


def test_a_source_written_to_meanwhile_is_caught_up_with(src, dst):
    for number in range(6):
        grow(src, f"s{number}", 0, blobs=False)
    written = []

    def write(progress):
        if len(written) < 3:
            written.append(progress.phase)
            src.get("s0").append(Message.user("late"))
            src.get("s5").append(Message.user("late, too"))
            src.create(f"new{len(written)}").append(Message.user("born late"))

    result = migrate(src, dst, progress=write, verify=True)
    assert result.complete
    assert result.passes > 1
    assert result.sessions == result.created == 9
    assert picture_of(dst) == picture_of(src)


def test_what_is_erased_or_completed_later_follows(src, dst):
    session = src.create("s")
    session.append(Message.user("secret", id="m1"), Message.user([BlobPart(b"\1" * 70_000)], id="m2"))
    session.append(Message.assistant("kept", id="m3"))
    assert migrate(src, dst).created == 1
    session.erase("m1")
    session.erase("m2")
    result = migrate(src, dst, verify=True)
    assert (result.updated, result.complete) == (1, True)
    assert picture_of(dst) == picture_of(src)
    assert dst.search("secret").items == []
    assert dst.stats().blobs == 0
    assert dst.verify().clean


def test_what_was_erased_in_the_destination_does_not_come_back(src, dst):
    session = src.create("s")
    session.append(Message.user("secret", id="m1"), Message.assistant("kept"))
    migrate(src, dst)
    dst.get("s").erase("m1")
    before = picture_of(dst)
    for how in ("skip", "rename", "branch"):
        result = migrate(src, dst, on_conflict=how, verify=True)
        assert (result.ahead, result.complete, result.conflicts) == (1, True, [])
    assert picture_of(dst) == before


def test_a_reply_completed_by_an_import_is_completed_there(src, dst):
    whole = b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n'
    src.import_(named(whole, "x.jsonl"), format="openai-chat")
    migrate(src, dst)
    more = whole + whole.replace(b'"q"', b'"q2"')
    src.import_(named(more, "x.jsonl"), format="openai-chat")
    assert migrate(src, dst, verify=True).complete
    assert picture_of(dst) == picture_of(src)


def test_a_session_that_went_on_over_there_is_left_alone(src, dst):
    src.create("s").append(Message.user("one"))
    migrate(src, dst)
    dst.get("s").append(Message.user("two"))
    result = migrate(src, dst, verify=True)
    assert (result.ahead, result.complete) == (1, True)
    assert [message.text for message in dst.get("s").messages()] == ["one", "two"]


# Which, and where to


def test_filters_and_names_choose(src, dst):
    src.create("a", tags=["x"])
    src.create("b")
    src.create("c", tags=["x"])
    src.trash("c")
    src.namespace("inner").create("d", tags=["x"])
    result = migrate(src, dst, tags=["x"], all_namespaces=False)
    assert sorted(picture_of(dst)) == [("default", "a"), ("default", "c")]
    assert result.sessions == 2
    migrate(src, dst, sessions=["b", "b"])
    assert dst.exists("b")
    migrate(src, dst)
    assert dst.namespace("inner").exists("d")
    with pytest.raises(NotFoundError):
        migrate(src, dst, sessions=["nobody"])
    with pytest.raises(InvalidError, match="not both"):
        migrate(src, dst, sessions=["a"], tags=["x"])
    with pytest.raises(InvalidError, match="on_conflict"):
        migrate(src, dst, on_conflict="overwrite")


def test_namespaces_keep_their_place_below_the_destinations_own(src, dst):
    src.create("a")
    src.namespace("w").create("b")
    src.namespace("w/deep").create("c")
    migrate(src, dst.namespace("team"))
    assert sorted(picture_of(dst)) == [("team", "a"), ("team/w", "b"), ("team/w/deep", "c")]
    with Store("memory:") as third:
        migrate(src.namespace("w"), third)
        assert sorted(picture_of(third)) == [("deep", "c"), ("default", "b")]
        src.namespace("w/default").create("d")
        with pytest.raises(InvalidError, match="Two namespaces"):
            migrate(src.namespace("w"), third)


def test_what_was_imported_is_known_over_there(src, dst, tmp_path):
    file = tmp_path / "chat.jsonl"
    file.write_bytes(b'{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n')
    src.sync([str(file)], tools=[])
    assert migrate(src, dst).imports == 1
    assert migrate(src, dst).imports == 0
    looked = dst.sync([str(file)], tools=[])
    assert (looked.folders[0].unchanged, looked.read) == (1, [])
    (session,) = dst.sessions()
    assert dst.export(session.id, format="native") == file.read_bytes()
    with Store("memory:") as third:
        assert migrate(src, third, sessions=[session.id]).imports == 0


def test_a_dry_run_writes_nothing(src, tmp_path):
    fill(src, 8)
    url = f"sqlite:///{tmp_path}/none.db"
    planned = migrate(src, url, dry_run=True)
    assert planned.dry_run
    assert list(tmp_path.iterdir()) == []
    done = migrate(src, url)
    names = ("created", "records", "messages", "blobs")
    assert [getattr(planned, name) for name in names] == [getattr(done, name) for name in names]
    assert migrate(src, url, dry_run=True).records == 0


def test_damage_is_reported_and_all_else_is_moved(src, dst):
    for number in range(3):
        src.create(f"s{number}").append(Message.user("one"), Message.user("two"))
    key = src._core.key("s1")
    log = src._core.backend._logs[key].records
    log[3] = log[3]._replace(body=log[3].body.replace(b"two", b"2wo"))
    result = migrate(src, dst, verify=True)
    assert not result.complete
    (finding,) = result.damaged
    assert finding.place == "session 's1', record 3"
    assert [len(dst.get(f"s{number}").messages()) for number in range(3)] == [2, 1, 2]
    assert dst.verify().clean


def test_verification_finds_what_differs(src, dst):
    for number in range(3):
        src.create(f"s{number}").append(Message.user("one"), Message.user([BlobPart(b"\3" * 70_000)]))
    migrate(src, dst)
    blobs = dst._core.backend._logs[dst._core.key("s2")].blobs
    blobs[next(iter(blobs))] = b"else"
    result = migrate(src, dst, verify=True)
    assert not result.complete
    (finding,) = result.verified.different
    assert "'s2'" in finding.place


def test_a_copy_that_is_damaged_over_there_is_left_alone(src, dst):
    for number in range(3):
        src.create(f"s{number}").append(Message.user("one"), Message.user("two"))
    migrate(src, dst)
    log = dst._core.backend._logs[dst._core.key("s1")].records
    log[3] = log[3]._replace(body=b"\xff")
    (finding,) = migrate(src, dst).damaged
    assert finding.problem.startswith("In the destination: ")
    assert log[3].body == b"\xff"


def test_a_session_deleted_while_it_is_read_is_no_damage(src, dst, monkeypatch):
    from recollect.transfer.moving import copying

    monkeypatch.setattr(copying, "BATCH_RECORDS", 1)
    src.create("s").append(*[Message.user("x") for _ in range(1500)])
    src.create("t").append(Message.user("x"))

    def delete(progress):
        if progress.session == "s" and src.exists("s"):
            src.delete("s")

    result = migrate(src, dst, progress=delete)
    assert (result.complete, result.sessions, result.damaged) == (True, 1, [])
    assert dst.exists("t")


def test_a_source_that_is_not_there_is_an_error(dst, tmp_path):
    with pytest.raises(NotFoundError):
        migrate(f"sqlite:///{tmp_path}/none.db", dst)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("first", "second"), PAIRS)
def test_async_stores_move_too(first, second, tmp_path):
    (tmp_path / "b").mkdir()

    async def work(src):
        async with AsyncStore(url_of(second, tmp_path / "b")) as dst:
            result = await amigrate(src, dst, verify=True)
            assert result.complete
            async with AsyncStore("memory:") as third:
                assert (await amigrate(dst, third)).created == result.created == 11
                return await amigrate(third, src)

    with opened(first, tmp_path / "a") as src:
        fill(src, 9)
        back = asyncio.run(work(src))
        assert back.unchanged == back.sessions == len(picture_of(src))


def test_both_take_the_same():
    mine, twin = inspect.signature(migrate).parameters, inspect.signature(amigrate).parameters
    assert list(mine) == list(twin)
    assert all(mine[name] == twin[name] for name in mine if name not in ("src", "dst"))


def test_migrate_says_what_goes_with_an_async_store(src):
    with pytest.raises(InvalidError, match="amigrate"):
        migrate(src, AsyncStore("memory:"))
