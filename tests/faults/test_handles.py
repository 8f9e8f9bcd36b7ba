"""A closed store leaves no file open, whatever was done with it, refusals and failures included."""

from __future__ import annotations

import os

import pytest

from recollect import InvalidError, Message, Store

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="needs /proc to count open files")


def open_files(folder):
    """The files below a folder that this process has open."""
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
        except FileNotFoundError:
            continue  # that was the listing's own
        if path.startswith(str(folder)):
            found.append(path)
    return sorted(found)


def appending(store):
    store.open("s").append(Message.user("needle"))


def listing(store):
    assert len(store.sessions()) == 1


def searching(store):
    assert store.search("needle")


def verifying(store):
    assert store.verify().clean


def removing(store):
    session = store.create("gone")
    (message,) = session.append(Message.user("gone"))
    session.erase(message.id)
    store.delete("gone")


def refused(store):
    with pytest.raises(InvalidError):
        store.open("s").append(Message.user("x", metadata={"n": float("nan")}))


@pytest.mark.parametrize("use", [appending, listing, searching, verifying, removing, refused])
def test_closing_closes_every_file(url, tmp_path, use):
    with Store(url) as store:
        appending(store)
    for _ in range(3):
        with Store(url) as store:
            use(store)
    assert open_files(tmp_path) == []
