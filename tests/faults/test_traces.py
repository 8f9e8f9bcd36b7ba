"""What was erased or deleted is in no file of the store any more: no word of it, no end of a word."""

from __future__ import annotations

import random
import string
import time

import pytest

from recollect import BlobPart, Message, Store, TextPart, ToolCallPart

SHORTEST = 6


class Secret:
    """A message with words and a blob that nothing else has."""

    def __init__(self, seed):
        self._chance = random.Random(f"secret {seed}")
        self.words = [self._word(length) for length in (9, 12, 20)]
        self.tool_word = self._word(14)
        self.blob = self._chance.randbytes(150_000)
        self.small = self._chance.randbytes(600)
        parts = [
            TextPart(" ".join(self.words)),
            BlobPart(content=self.blob, mime_type="image/png"),
            BlobPart(content=self.small, mime_type="image/png"),
        ]
        self.messages = [
            Message.user(parts, id=f"{seed}-user"),
            Message.assistant(
                [ToolCallPart(name="f", id="c", arguments={"q": self.tool_word})], id=f"{seed}-call"
            ),
            Message.tool("c", f"answer {self.tool_word}", id=f"{seed}-tool"),
        ]

    def _word(self, length):
        return "".join(self._chance.choices(string.ascii_lowercase, k=length))

    def traces(self, folder):
        """What of it is still in some file."""
        found = []
        for path in sorted(folder.rglob("*")):
            content = path.read_bytes() if path.is_file() else b""
            for word in [*self.words, self.tool_word]:
                ends = [word[at:] for at in range(len(word) - SHORTEST + 1)]
                found += [f"{end} in {path.name}" for end in ends if end.encode() in content]
            for name, data in (("blob", self.blob), ("small blob", self.small)):
                if any(data[at : at + 64] in content for at in range(0, len(data) - 64, 499)):
                    found.append(f"{name} in {path.name}")
        return found


def settled(secret, folder, seconds=10.0):
    """What is left of it once the work behind the commits had time to end."""
    deadline = time.monotonic() + seconds
    while (found := secret.traces(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def filled(store, indexed):
    """A session with other messages around a secret; with ``indexed`` the index knows it by now."""
    secret = Secret(store.capabilities.name)
    session = store.create("s")
    for number in range(5):
        session.append(Message.user(f"before {number}"), Message.assistant("well"))
    session.append(*secret.messages)
    for number in range(5):
        session.append(Message.user(f"after {number}"), Message.assistant("well"))
    if indexed:
        assert len(store.search(secret.words[0])) == 1
        assert len(store.search(secret.tool_word)) == 2
        time.sleep(0.1)
    return session, secret


def by_erasing(store, session, secret):
    for message in secret.messages:
        session.erase(message.id)


def by_deleting(store, session, secret):
    store.delete(session.id)


def by_purging_the_trash(store, session, secret):
    store.trash(session.id)
    store.delete(session.id)


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("remove", [by_erasing, by_deleting, by_purging_the_trash])
def test_nothing_is_left(url, tmp_path, remove, indexed):
    with Store(url) as store:
        session, secret = filled(store, indexed)
        assert secret.traces(tmp_path)
        remove(store, session, secret)
        assert settled(secret, tmp_path) == []
        assert [list(store.search(word)) for word in (*secret.words, secret.tool_word)] == [[]] * 4
    assert secret.traces(tmp_path) == []
    with Store(url) as store:
        assert store.verify().clean
        assert store.stats().blobs == 0


@pytest.mark.parametrize("remove", [by_erasing, by_deleting])
def test_nothing_is_left_when_the_store_is_closed_at_once(url, tmp_path, remove):
    with Store(url) as store:
        session, secret = filled(store, indexed=True)
        remove(store, session, secret)
    assert secret.traces(tmp_path) == []


@pytest.mark.parametrize("remove", [by_erasing, by_deleting])
def test_nothing_is_left_of_what_was_written_in_an_earlier_run(url, tmp_path, remove):
    with Store(url) as store:
        _, secret = filled(store, indexed=True)
    with Store(url) as store:
        remove(store, store.get("s") if remove is by_deleting else store.open("s"), secret)
        assert settled(secret, tmp_path) == []
    assert secret.traces(tmp_path) == []
