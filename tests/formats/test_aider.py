"""aider's chat history: sessions, who said what, figures, and files that grow or are damaged."""

from __future__ import annotations

from decimal import Decimal

import pytest

from recollect import Message, TextPart
from recollect.formats import aider
from recollect.formats.base import Damage

from .format_sources import Source, archived, conversations, messages, real

HISTORY = """\
> Left over from an earlier session  \n\
\n\
#### what is this  \n\
\n\
A remnant.

# aider chat started at 2024-03-01 09:10:11

> /srv/bin/aider --model tiny notes.py  \n\
> Aider v0.50.1  \n\
> Main model: acme/tiny with diff edit format, infinite output  \n\
> Weak model: acme/wee  \n\
> Git working dir: /srv/notes  \n\
\n\
#### Add a heading  \n\
#### and keep it short  \n\
\n\
Here it is:

notes.md
```markdown
<<<<<<< SEARCH
=======
#### A heading, not a person
> a quotation, not a tool
# aider chat started at 2020-01-01 00:00:00
>>>>>>> REPLACE
```

> Tokens: 7,574 sent, 1.5k cache write, 3k cache hit, 61 received. Cost: $0.0042 message, $0.50 session.  \n\
> Applied edit to notes.md  \n\
\n\
#### /undo  \n\
> Removed: abc  \n\
\n\
#### again  \n\
\n\
An answer that was cut off:
```
def f(

#### stop  \n\
> Tokens: 12 sent, 3 received.  \n\

# aider chat started at 2024-03-01 09:10:11

> /srv/bin/aider --model tiny notes.py  \n\

# aider chat started at 2024-03-01 09:10:11

> /srv/bin/aider --model tiny notes.py  \n\
"""


def shown(message: Message) -> tuple[str, str]:
    return message.role, message.text


def test_sessions_and_who_said_what() -> None:
    before, main, second, third = conversations(aider, Source(HISTORY))
    assert [shown(m) for m in messages(before)] == [
        ("tool", "Left over from an earlier session"),
        ("user", "what is this"),
        ("assistant", "A remnant."),
    ]
    found = [shown(m) for m in messages(main)]
    assert [role for role, _ in found] == [
        "tool",
        "user",
        "assistant",
        "tool",
        "user",
        "tool",
        "user",
        "assistant",
        "user",
        "tool",
    ]
    assert found[1] == ("user", "Add a heading\nand keep it short")
    assert found[2][1].endswith(
        "#### A heading, not a person\n> a quotation, not a tool\n"
        "# aider chat started at 2020-01-01 00:00:00\n>>>>>>> REPLACE\n```"
    )
    assert found[4:7] == [("user", "/undo"), ("tool", "Removed: abc"), ("user", "again")]
    assert found[7:9] == [("assistant", "An answer that was cut off:\n```\ndef f("), ("user", "stop")]
    assert len({c.native_id for c in (before, main, second, third)}) == 4
    assert [m.metadata for m in messages(second)] == [{"injected": "cli_output"}]
    assert HISTORY.encode()[main.offset : main.end].startswith(b"# aider chat started at 2024-03-01")
    assert third.end is None
    assert second.end == third.offset


def test_attributes_models_times_and_usage() -> None:
    main = conversations(aider, Source(HISTORY))[1]
    assert main.attributes == {
        "model": "acme/tiny",
        "metadata": {
            "command": "/srv/bin/aider --model tiny notes.py",
            "tool_version": "0.50.1",
            "edit_format": "diff",
            "weak_model": "acme/wee",
            "cwd": "/srv/notes",
            "started_at": "2024-03-01T09:10:11+00:00",
            "time_zone": "unknown, taken as UTC",
        },
    }
    found = messages(main)
    assert all(str(m.created_at) == "2024-03-01 09:10:11+00:00" for m in found)
    usage = found[2].usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.cached_tokens) == (7574, 61, 3000)
    assert usage.cost_usd == Decimal("0.0042")
    assert found[2].model == "acme/tiny"
    # "stop" was never answered in words: what it cost stays with the output that says so.
    assert found[9].usage is not None
    assert found[9].usage.cost_usd is None
    assert sum(m.usage.output_tokens for m in found if m.usage) == 64


def test_usage_without_an_answer_is_kept() -> None:
    head = "# aider chat started at 2024-03-01 09:10:11\n\n> aider  \n\n"
    text = head + "#### hi  \n\n> Tokens: 5 sent, 0 received.  \n"
    (session,) = conversations(aider, Source(text))
    usage = messages(session)[-1].usage
    assert usage is not None
    assert usage.input_tokens == 5


def test_output_of_many_lines_of_which_one_is_marked() -> None:
    text = (
        "# aider chat started at 2024-03-01 09:10:11\n\n> aider  \n\n#### /run make  \n"
        "> all\n\n>   not a mark\n#### nor this\nlast line  \n\n#### thanks  \n"
    )
    (session,) = conversations(aider, Source(text))
    assert [shown(m) for m in messages(session)[2:]] == [
        ("tool", "all\n\n  not a mark\n#### nor this\nlast line"),
        ("user", "thanks"),
    ]


def test_a_file_whose_trailing_spaces_were_stripped() -> None:
    text = "\n".join(line.rstrip() for line in HISTORY.split("\n"))
    main = conversations(aider, Source(text))[1]
    assert [shown(m) for m in messages(main)[:2]] == [
        shown(m) for m in messages(conversations(aider, Source(HISTORY))[1])[:2]
    ]
    assert messages(main)[2].text.endswith("REPLACE\n```")


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_and_byte_order_mark(ending: str) -> None:
    plain = conversations(aider, Source(HISTORY))
    other = conversations(aider, Source("\ufeff" + HISTORY.replace("\n", ending)))
    assert [messages(c) for c in other] == [messages(c) for c in plain]
    assert [c.native_id for c in other] == [c.native_id for c in plain]


def test_ids_stay_when_the_file_grows() -> None:
    whole = conversations(aider, Source(HISTORY))
    data = HISTORY.encode()
    for cut in range(40, len(data), 7):
        pieces = [piece for piece in aider.read(Source(data[:cut])) if not isinstance(piece, Damage)]
        for part, full in zip(pieces, whole, strict=False):
            if part.end is not None:
                assert part.native_id == full.native_id
                assert messages(part) == messages(full)
    # A message that grew keeps its id.
    place = data.index(b"> Applied edit")
    short, full = (messages(conversations(aider, Source(d))[1]) for d in (data[:place], data))
    assert [m.id for m in short] == [m.id for m in full[: len(short)]]
    assert full[3].text.startswith(short[3].text)


def test_bytes_that_are_no_text_are_reported() -> None:
    data = HISTORY.encode().replace(b"A remnant.", b"A \xff remnant.\0")
    damage, *found = list(aider.read(Source(data)))
    assert damage == Damage(data.index(b"A \xff"), "bytes that are no UTF-8 were replaced")
    assert len(found) == 4
    assert messages(found[0])[2].parts == (TextPart("A \ufffd remnant.\0"),)


def test_a_file_that_ends_in_a_header() -> None:
    data = HISTORY.encode()
    place = data.rindex(b"# aider chat started")
    whole = conversations(aider, Source(data))[:3]
    for cut in range(place + 1, place + 40):
        *found, damage = aider.read(Source(data[:cut]))
        assert damage == Damage(place, "the file ends in the middle of a header")
        assert [messages(c) for c in found] == [messages(c) for c in whole]


def test_a_line_of_many_megabytes() -> None:
    text = (
        "# aider chat started at 2024-03-01 09:10:11\n\n> aider  \n\n#### long  \n\n"
        + "é" * 3_000_001
        + "\nend\n"
    )
    (session,) = conversations(aider, Source(text))
    assert messages(session)[-1].text == "é" * 3_000_001 + "\nend"


def test_detection() -> None:
    assert aider.detect(b"# aider chat started at 2024-03-01 09:10:11\n\n> aider  \n", "x.md") > 0.9
    assert aider.detect(HISTORY.encode(), "x.md") > 0.5
    assert aider.detect(b"words", ".aider.chat.history.md") > 0
    assert aider.detect(b"# About aider\n", "x.md") == 0
    assert aider.detect(b"", "") == 0


class TestReal:
    pytestmark = real

    def test_the_shipped_history(self) -> None:
        ((_, data),) = archived("aider.tar.xz")
        found = conversations(aider, Source(data))
        # 509 headers, and a session whose beginning lies in front of the first.
        assert len(found) == 510
        assert len({c.native_id for c in found}) == 510
        assert b"".join(data[c.offset : c.end] for c in found) == data
        spent = [m.usage for c in found for m in messages(c) if m.usage]
        assert len(spent) == data.count(b"\n> Tokens: ") == 363
        assert sum((u.cost_usd or Decimal(0) for u in spent), Decimal(0)) == Decimal("12.265380")
        people = sum(m.text.count("\n") + 1 for c in found for m in messages(c) if m.role == "user")
        # 7,670 lines begin with the mark: seven are headings in answers, one ends a message and is blank.
        assert people == 7662
        assert data.count(b"\n#### ") == 7670
