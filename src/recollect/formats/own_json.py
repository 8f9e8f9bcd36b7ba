"""A session's whole log as one JSON document, or several of them in an array.

    {"recollect":1,"session":{…},"log":[
    {"seq":1,"kind":"update","parent":0,"body":{…}},
    {"blob":"<sha-256 in hex>","content":"<base64>"},
    {"seq":2,"kind":"message","parent":0,"body":{…}}
    ]}

Bodies are the stored ones to the byte; blobs stand before the first record that refers to them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from . import own_jsonl
from .base import Piece, Source

NAME = "json"
_STARTS = re.compile(rb'\s*(?:\[\s*)?\{\s*"recollect"\s*:')
_LOG = re.compile(rb'"log"\s*:\s*\[')


def detect(head: bytes, name: str) -> float:  # noqa: ARG001  # formats may look at the name
    """By its first key."""
    if not _STARTS.match(head):
        return 0.0
    return 1.0 if _LOG.search(head) else 0.9


def read(source: Source) -> Iterator[Piece]:
    """The logs, record by record, and what is damaged. Both our formats are told apart as they go."""
    return own_jsonl.read(source)
