"""Conversations made up for measuring: text that behaves like text, always the same.

Words follow Zipf's law over a vocabulary of 30,000 made-up ones headed by the commonest English
ones, sizes are log-normal around a mean of 460 bytes, and one message in about forty has letters
beyond ASCII. Texts are slices of one long stream, so that a million of them take seconds.
"""

from __future__ import annotations

import random
from bisect import bisect_left
from itertools import accumulate

from recollect import Message, ToolCallPart, Usage

COMMON = (
    "the of and to in a is that for it as was with be by on not he i this are or his from at which but"
    " have an had they you were their one all we can her has there been if more when will would who so no"
    " code file error function value string list data user server python rust test memory query index"
)
ONSETS = "b c d f g h j k l m n p r s t v w br cl dr fl gr pl pr sh st th tr"
RIMES = "a e i o u an ar el en er ess ing ion is it le on or ow y"
MEAN = 460
_STREAM = 400_000
_ACCENTED = ("é", "ü", "ñ", "日本", "🙂")


def _vocabulary(rng: random.Random, size: int) -> list[str]:
    onsets, rimes = ONSETS.split(), RIMES.split()
    words = dict.fromkeys(COMMON.split())
    while len(words) < size:
        count = rng.choice((1, 2, 2, 2, 3, 3, 4))
        words["".join(rng.choice(onsets) + rng.choice(rimes) for _ in range(count))] = None
    return list(words)


class Corpus:
    """An endless supply of messages."""

    def __init__(self, seed: int = 7) -> None:
        self._rng = rng = random.Random(seed)
        words = _vocabulary(rng, 30_000)
        weights = list(accumulate(1 / (rank + 2.7) ** 1.02 for rank in range(len(words))))
        stream = rng.choices(words, cum_weights=weights, k=_STREAM)
        for i in range(0, len(stream), 13):
            stream[i] = stream[i].capitalize()
            stream[i - 1] += rng.choice((".", ".", ".", "?", ",", ":\n", ".\n\n"))
        for i in range(0, len(stream), 101):
            stream[i] += str(rng.randrange(10_000))
        self._stream = " ".join(stream)
        self._starts = [0, *accumulate(len(word) + 1 for word in stream)][:-1]
        self.words = words

    def text(self, size: int | None = None) -> str:
        """A text of about ``size`` bytes of UTF-8; by default of a likely size."""
        rng = self._rng
        if size is None:
            size = int(min(max(rng.lognormvariate(5.73, 0.9), 12), 12_000))
        first = self._starts[rng.randrange(len(self._starts) - size // 2 - 64)]
        last = self._starts[bisect_left(self._starts, first + size)]
        text = self._stream[first : last - 1]
        return f"{text} {rng.choice(_ACCENTED)}" if rng.random() < 0.025 else text

    def turn(self) -> tuple[Message, Message]:
        """A question and its answer, text only."""
        return Message.user(self.text()), Message.assistant(self.text())

    def conversation(self, count: int) -> list[Message]:
        """``count`` messages as agents write them: some answers call a tool, and all tell the usage."""
        messages: list[Message] = []
        while len(messages) < count:
            messages.append(Message.user(self.text()))
            usage = Usage(self._rng.randrange(50, 5000), self._rng.randrange(10, 900))
            if self._rng.random() < 0.15:
                call_id = f"call_{self._rng.getrandbits(64):016x}"
                arguments = {"query": self.text(80), "limit": self._rng.randrange(100), "exact": True}
                call = ToolCallPart("search_documents", arguments, call_id)
                messages.append(Message.assistant([call], model="model-large", usage=usage))
                messages.append(Message.tool(call_id, self.text()))
            messages.append(Message.assistant(self.text(), model="model-large", usage=usage))
        return messages[:count]
