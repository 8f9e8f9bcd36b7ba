"""What was erased is in no file of the store, whichever verbs had spread it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recollect import BlobPart, Message, ReasoningPart, Store, TextPart, ToolCallPart

WORD = "zqxjkvwpyhgf"
"""Letters in an order that nothing else has, so that any end of it is telling."""
ENGINES = {"sqlite": "sqlite:///{}/chats.db", "files": "file:///{}/chats"}


def _leftovers(folder: Path) -> list[str]:
    """Files that hold an end of the word, in whatever case."""
    ends = [WORD[start:].encode() for start in range(len(WORD) - 4)]
    found = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            content = path.read_bytes().lower()
            found += [f"{path.name}: {end.decode()}" for end in ends if end in content]
    return found


def _plain(store: Store, _: Path) -> None:
    session = store.create("a")
    (message,) = session.append(Message.user(f"my {WORD}"))
    session.erase(message.id)


def _parts(store: Store, _: Path) -> None:
    session = store.create("a")
    parts = [
        TextPart(WORD, metadata={"k": WORD}),
        ReasoningPart(WORD.upper()),
        ToolCallPart(WORD, {WORD: [WORD]}, WORD),
        BlobPart(WORD.encode() * 10),
        BlobPart(WORD.encode() * 10_000),
    ]
    (message,) = session.append(Message.assistant(parts, metadata={WORD: WORD}))
    session.erase(message.id)


def _searched(store: Store, _: Path) -> None:
    session = store.create("a")
    for n in range(200):
        session.append(Message.user(f"{WORD} {n}" if n % 20 == 0 else f"other {n}"))
    assert len(store.search(WORD, limit=50)) == 10
    for message in session.messages():
        if WORD in message.text:
            session.erase(message.id)
    assert len(store.search("other", limit=500)) == 190


def _branches(store: Store, _: Path) -> None:
    session = store.create("a")
    first, second = session.append(Message.user("q"), Message.assistant(WORD))
    session.branch("idea")
    session.edit(first.id, "other")
    session.checkout("idea")
    session.append(Message.user("more"))
    session.undo()
    session.label(second.id, "good")
    session.erase(second.id)


def _merged(store: Store, _: Path) -> None:
    session, other = store.create("a"), store.create("b")
    session.append(Message.user(WORD))
    other.append(Message.user("x"))
    session.merge(other, strategy="interleave")
    other.append(Message.user("y"))
    session.merge(other, strategy="rebase")
    session.erase(next(m.id for m in session.messages() if m.text == WORD))


def _forked(store: Store, _: Path) -> None:
    session = store.create("a")
    (message,) = session.append(Message.user(WORD))
    session.fork("f")
    for holder in ["a", *session.erase(message.id).forks]:
        store.get(holder).erase(message.id)


def _saved(store: Store, _: Path) -> None:
    history = [Message.user("one", id="m1"), Message.user(WORD, id="m2")]
    session = store.save("a", history)
    session.erase("m2")
    store.save("a", history)
    session.append(*history)


def _imported(store: Store, path: Path) -> None:
    path.write_text(
        json.dumps({"messages": [{"role": "user", "content": "one"}, {"role": "assistant", "content": WORD}]})
    )
    (session_id,) = store.import_(path).sessions
    session = store.get(session_id)
    session.erase(session.messages()[1].id)
    store.import_(path)


def _deleted(store: Store, _: Path) -> None:
    store.create("a", name=WORD, tags=[WORD], metadata={WORD: WORD}).append(Message.user(WORD))
    store.search(WORD)
    store.trash("a")
    store.delete("a")


@pytest.mark.parametrize(
    "program",
    [_plain, _parts, _searched, _branches, _merged, _forked, _saved, _imported, _deleted],
    ids=lambda program: program.__name__.strip("_"),
)
@pytest.mark.parametrize("engine", ENGINES)
def test_no_file_holds_an_end_of_it(
    engine: str, program: Callable[[Store, Path], None], tmp_path: Path
) -> None:
    folder = tmp_path / "store"
    folder.mkdir()
    with Store(ENGINES[engine].format(folder)) as store:
        program(store, tmp_path / "chat.json")
        assert store.verify().clean
    assert _leftovers(folder) == []
    with Store(ENGINES[engine].format(folder)) as store:
        assert len(store.search(f"{WORD[:4]}*")) == 0
        assert store.verify().clean
    assert _leftovers(folder) == []


def test_the_search_for_leftovers_finds_them(tmp_path: Path) -> None:
    for engine, url in ENGINES.items():
        folder = tmp_path / engine
        folder.mkdir()
        with Store(url.format(folder)) as store:
            store.create("a").append(Message.user(WORD))
        assert _leftovers(folder) != []
