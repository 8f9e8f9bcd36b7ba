"""Files cut off and with bytes flipped: nothing raises, what is intact is read, damage is told.

``RECOLLECT_SOAK=20`` damages every real file 200 times each way; without it a selection of them and the
corpus for fuzzing are damaged 20 times. A failure names the file, the place and the byte.
"""

from __future__ import annotations

import pytest

from recollect import formats

from .damage import (
    LINES,
    Outcome,
    Sample,
    corpus,
    cuts,
    flips,
    load,
    outcome,
    reader_of,
    renames_a_key,
    samples,
    without_line,
)
from .format_sources import real

FILES = [
    *(pytest.param(sample, id=sample.label) for sample in corpus()),
    *(pytest.param(sample, id=sample.label, marks=real) for sample in samples()),
]


class File:
    """A sample and the reader of its format."""

    def __init__(self, sample: Sample) -> None:
        self.data, self.name, self.path = load(sample)
        self.module = reader_of(sample, self.data, self.name)
        if self.module is None:
            pytest.skip("no format of ours")

    @property
    def has_lines(self) -> bool:
        """Whether each line is a record of its own."""
        return self.module.NAME in LINES and self.name.endswith(".jsonl")

    @property
    def merged_at_most(self) -> int:
        """How many messages a single byte can make part of another without anyone being able to tell:
        in Markdown one whose heading is none any more, with the tool's call and answer below it."""
        return 4 if self.name.endswith(".md") else 2

    def heading_behind(self, end: int) -> int:
        """Where the line ends that tells in Markdown that a conversation is over: the next one's first."""
        found = self.data.find(b"\n", end + 1) if self.name.endswith(".md") else end
        return len(self.data) if found < 0 else found

    def read(self, data: bytes) -> Outcome:
        return outcome(self.module, data, self.name, self.path)

    def also_as_found(self, data: bytes) -> None:
        """Read a damaged file as an import would: by the format that its beginning seems to be."""
        module = formats.detected(data, self.name)
        if module is not None and module is not self.module:
            outcome(module, data, self.name, self.path)


def same(one: Outcome, other: Outcome, number: int) -> bool:
    """Whether a conversation is in both, message for message."""
    conversation, messages = one.conversations[number]
    return any(
        found.native_id == conversation.native_id and [m.id for m in theirs] == [m.id for m in messages]
        for found, theirs in other.conversations
    )


def missing(expected: Outcome, found: Outcome) -> list[bytes]:
    return list((expected.parts - found.parts).elements())


@pytest.mark.parametrize("sample", FILES)
def test_cut_off(sample: Sample) -> None:
    file = File(sample)
    whole = file.read(file.data)
    for place in cuts(file.data, sample.label):
        data = file.data[:place]
        found = file.read(data)
        file.also_as_found(data)
        where = f"{file.module.NAME}: {sample.label} cut at {place}"
        for number, (conversation, _) in enumerate(whole.conversations):
            if conversation.end is not None and conversation.end <= place:
                assert same(whole, found, number), f"{where}: conversation {number} is not what it was"
        if file.has_lines:
            begin = data.rfind(b"\n") + 1
            lost = missing(file.read(data[:begin]), found)
            assert not lost, f"{where}: {len(lost)} parts before the cut are missing"
        said = found.damages or found.conversations or not whole.conversations or not data.strip()
        assert said, f"{where}: nothing was said"


@pytest.mark.parametrize("sample", FILES)
def test_with_a_byte_changed(sample: Sample) -> None:
    file = File(sample)
    whole = file.read(file.data)
    count = sum(len(messages) for _, messages in whole.conversations)
    parts = whole.parts
    for place, data in flips(file.data, sample.label):
        found = file.read(data)
        file.also_as_found(data)
        where = f"{file.module.NAME}: {sample.label} with byte {place} {file.data[place]} -> {data[place]}"
        if file.has_lines:
            expected = file.read(without_line(file.data, place)).parts & parts
            lost = list((expected - found.parts).elements())
            assert not lost, f"{where}: {len(lost)} parts outside of the line are missing"
        for number, (conversation, _) in enumerate(whole.conversations):
            if conversation.end is None:
                continue
            end = file.heading_behind(conversation.end)
            if not conversation.offset <= place <= end:
                assert same(whole, found, number), f"{where}: conversation {number} is not what it was"
        left = sum(len(messages) for _, messages in found.conversations)
        told = found.damages or renames_a_key(file.data, place)
        assert told or left >= count - file.merged_at_most, (
            f"{where}: {count - left} messages are lost in silence"
        )
