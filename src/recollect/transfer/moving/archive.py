"""The form of a backup: one tar archive, every session a member of its own.

    recollect-backup.json       what this is, and the version of its form
    sessions/00000001.jsonl.zst a whole log as JSON lines (the format ``jsonl``), Zstandard
    imports/0001.json.zst       what a namespace knows of imported files
    manifest.jsonl              a line for each member, with its SHA-256, and one that sums up

Each session can be read without the others: what is damaged or cut off takes nothing else along.
Hashes are of the decompressed bytes.
"""

from __future__ import annotations

from msgspec import Struct

from ..ledger import Entry

VERSION = 1
HEAD = "recollect-backup.json"
MANIFEST = "manifest.jsonl"
SESSIONS = "sessions/"
IMPORTS = "imports/"


class Head(Struct, frozen=True):
    """The first member."""

    recollect_backup: int
    created_at: str = ""


class Member(Struct, frozen=True, omit_defaults=True):
    """A line of the manifest: of a session, or (without one) of what a namespace imported."""

    member: str
    size: int
    sha256: str
    namespace: str = ""
    session: str = ""
    records: int = 0
    blobs: int = 0


class Summary(Struct, frozen=True):
    """The manifest's last line; ``sha256`` is that of the lines before it."""

    members: int
    sessions: int
    records: int
    blobs: int
    imports: int
    sha256: str


class Imports(Struct, frozen=True):
    """What a namespace, as the backed-up store sees it, knows of imported files."""

    namespace: str
    entries: list[Entry]
