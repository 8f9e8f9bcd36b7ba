"""How far a search looks, so that it stays within milliseconds however often the words occur.

Measured on a million messages of 68 words: a hit costs 0.15 µs to come by, 1 µs to score and 2.5 µs
to test, 1 µs where its session fails; to enter a block 12 µs per term; a prefix of one letter 25 to 38 ms
in each shard, so that a fifth of one and the next are within 50 ms.
"""

from __future__ import annotations

RANKED = 2000
"""Hits that are ranked; a query with no more is ranked in full."""
LEAST = 200
"""Hits that pass the filters to be ranked whatever it costs."""
LOOKED_AT = 8000
"""Hits of the words that are tested against filters."""
PROBED = 800
"""Blocks of the few sessions that a filter names, divided by the number of terms."""
SAMPLE, NEARLY_ALL = 40, 0.9
"""Hits tested to see whether filters matter, and the share that has to pass where they do not."""
CHUNK = 1000
"""Hits that are tested at a time."""

SHORT_LEAST = 40
"""In place of LEAST when a term is a short prefix."""


def shards_for(prefix: int) -> float | None:
    """How many full shards are always read for a prefix of so many letters; None: all there are."""
    return {1: 0.2, 2: 2, 3: 4}.get(prefix)
