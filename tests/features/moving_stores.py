"""Stores with everything that a log can hold, and what two stores must agree on after a move."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from io import BytesIO

from recollect import BlobPart, Message, Store, TextPart, ToolCallPart, Usage
from recollect.backend import Key, RowQuery
from recollect.testing.hazards import SESSION_IDS, TEXTS

ENGINES = ("memory", "sqlite", "files")
DAY = timedelta(days=1)


def url_of(engine, folder):
    return {
        "memory": "memory:",
        "sqlite": f"sqlite:///{folder}/s.db",
        "files": f"file://{folder}/store",
    }[engine]


def fill(store, count, *, blobs=True):
    """``count`` sessions in two namespaces: branches, versions, blobs, erasures, the trash, expiry."""
    for number in range(count):
        place = store.namespace("alice/Ünï") if number % 4 == 1 else store
        grow(
            place,
            SESSION_IDS[number % len(SESSION_IDS)] + ("" if number < len(SESSION_IDS) else f"+{number}"),
            number,
            blobs,
        )
    transcript = (
        b'{"messages":[{"role":"user","content":"from a file"},{"role":"assistant","content":"yes"}]}\n'
    )
    store.import_(named(transcript, "chats.jsonl"), format="openai-chat")


def named(content, name):
    stream = BytesIO(content)
    stream.name = name
    return stream


def grow(store, session_id, number, blobs=True):
    session = store.create(
        session_id, name=f"n{number} \ud800", tags=[f"t{number % 3}"], metadata={"deep": {"n": number}}
    )
    session.append(
        Message.system("brief"), Message.user(TEXTS[number % len(TEXTS)] or "empty", id=f"q{number}")
    )
    spent = Usage(1, 2, cost_usd="0.001")
    session.append(
        Message.assistant([TextPart("yes"), ToolCallPart("f", {"a": [1, None]}, "c")], usage=spent)
    )
    session.append(Message.tool("c", {"x": 1.5}, id=f"a{number}"))
    if blobs:
        picture = bytes([number % 256, number >> 8]) * 40_000
        session.append(Message.user([BlobPart(picture, "image/png", "image")], id=f"b{number}"))
    kind = number % 7
    if kind == 1:
        session.edit(f"q{number}", "another question")
        session.append(Message.assistant("another answer"))
    elif kind == 2:
        session.branch("side", at=f"a{number}")
        session.append(Message.user("aside"), branch="side")
        session.label(f"a{number}", "good")
    elif kind == 3:
        session.erase(f"q{number}")
        if blobs:
            session.erase(f"b{number}")
    elif kind == 4:
        store.trash(session_id)
    elif kind == 5:
        session.expire(at=datetime(2000, 1, 1, tzinfo=UTC))
    elif kind == 6:
        session.rewind(turns=1)
        session.expire(after=DAY, sliding=True)
        session.append(Message.user("again"))
        session.fork(f"{session_id[:200]}-fork-{number}")


def picture_of(store):
    """Everything that a store holds: a hash of each session's row, records and blobs, by name."""
    core = store._core
    found = {}
    for namespace in drive(store, core.backend.namespaces()):
        if namespace.startswith("recollect:"):
            continue
        for trashed in (False, True):
            for expired in (False, True):
                query = RowQuery(
                    namespace=namespace, now=core.clock.now(), trashed=trashed, expired=expired, limit=100_000
                )
                for row in drive(store, core.backend.find(query)):
                    found[namespace, row.key.session_id] = picture(store, row)
    return found


def picture(store, row):
    backend = store._core.backend
    state = store._core.codec.state(row)
    hashed = hashlib.sha256(repr((state, row.version, row.cost, row.deleted_at)).encode())
    records = drive(store, backend.read(row.key))
    assert [record[0] for record in records] == list(range(1, row.version + 1))
    for seq, kind, parent, body in records:
        hashed.update(f"{seq} {kind} {parent} {len(body)}\n".encode() + body)
        for piece in body.split(b'"digest":"')[1:]:
            hashed.update(drive(store, backend.blob(row.key, bytes.fromhex(piece[:64].decode()))))
    return hashed.hexdigest()


def drive(store, coroutine):
    return store._run(coroutine)


def opened(engine, folder):
    folder.mkdir(exist_ok=True)
    return Store(url_of(engine, folder))


def versions(store):
    """How many records each session has."""
    backend = store._core.backend
    return [len(drive(store, backend.read(Key(*name)))) for name in picture_of(store)]
