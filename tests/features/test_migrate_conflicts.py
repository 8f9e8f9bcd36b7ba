"""One id and two histories: listed, put beside, or brought in as branches; never overwritten."""

import pytest

from recollect import BlobPart, Message, Store, migrate

from .moving_stores import picture_of


@pytest.fixture
def src():
    with Store("memory:") as store:
        yield store


@pytest.fixture
def dst():
    with Store("memory:") as store:
        yield store


def diverge(src, dst):
    session = src.create("s", name="shared")
    session.append(Message.user("one", id="m1"), Message.assistant("two", id="m2"))
    migrate(src, dst)
    session.append(Message.user("theirs", id="m3"), Message.assistant("theirs, too", id="m4"))
    dst.get("s").append(Message.user("ours", id="m3"))
    return session


def test_a_conflict_is_listed_and_nothing_is_overwritten(src, dst):
    diverge(src, dst)
    src.create("other").append(Message.user("x"))
    before = picture_of(dst)
    result = migrate(src, dst, verify=True)
    assert not result.complete
    assert [(c.session, c.record, c.outcome, c.to) for c in result.conflicts] == [("s", 4, "skipped", None)]
    assert result.created == 1
    assert result.verified.sessions == 1
    assert {name: hashed for name, hashed in picture_of(dst).items() if name in before} == before


def test_a_conflict_is_moved_under_another_id(src, dst):
    diverge(src, dst)
    src.create("s~2").append(Message.user("its own"))
    dst.create("s~3")
    before = picture_of(dst)
    planned = migrate(src, dst, on_conflict="rename", dry_run=True)
    result = migrate(src, dst, on_conflict="rename", verify=True)
    assert result.complete
    assert [(c.session, c.outcome, c.to) for c in result.conflicts] == [("s", "renamed", "s~4")]
    assert planned.conflicts == result.conflicts
    assert [m.text for m in dst.get("s~4").messages()] == ["one", "two", "theirs", "theirs, too"]
    assert result.verified.sessions == 2
    after = picture_of(dst)
    assert before.items() <= after.items()
    assert migrate(src, dst, on_conflict="rename").records == 0
    assert picture_of(dst) == after
    src.get("s").append(Message.user("more"))
    assert migrate(src, dst, on_conflict="rename").records == 1
    assert dst.get("s~4").messages()[-1].text == "more"


def test_a_conflict_becomes_branches(src, dst):
    session = diverge(src, dst)
    session.branch("side", at="m1")
    session.append(Message.user([BlobPart(b"\2" * 70_000)], id="m5"), branch="side")
    planned = migrate(src, dst, on_conflict="branch", dry_run=True)
    result = migrate(src, dst, on_conflict="branch")
    (conflict,) = result.conflicts
    assert (conflict.outcome, conflict.to) == ("branched", "main-1,side-1")
    assert planned.conflicts == result.conflicts
    copy = dst.get("s")
    assert [message.text for message in copy.messages()] == ["one", "two", "ours"]
    copy.checkout("main-1")
    line = copy.messages()
    assert [message.text for message in line] == ["one", "two", "theirs", "theirs, too"]
    assert line[2].metadata["merged_from"] == {"session_id": "s", "message_id": "m3"}
    assert line[3].id == "m4"
    copy.checkout("side-1")
    assert copy.messages()[-1].parts[0].content == b"\2" * 70_000
    assert dst.verify().clean
    before = picture_of(dst)
    again = migrate(src, dst, on_conflict="branch")
    assert again.conflicts[0].to is None
    assert picture_of(dst) == before
    session.append(Message.user("theirs at last", id="m6"))
    (more,) = migrate(src, dst, on_conflict="branch").conflicts
    copy.checkout(more.to)
    assert [message.text for message in copy.messages()][3:] == ["theirs, too", "theirs at last"]
    assert dst.verify().clean


def test_logs_that_share_nothing_are_renamed_instead_of_branched(src, dst):
    src.create("s").append(Message.user("theirs"))
    dst.create("s").append(Message.user("ours"))
    (conflict,) = migrate(src, dst, on_conflict="branch").conflicts
    assert (conflict.outcome, conflict.to) == ("renamed", "s~2")
    assert dst.get("s~2").messages()[0].text == "theirs"
