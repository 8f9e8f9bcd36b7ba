"""Markdown that still grows: what is called settled never looks different later."""

from __future__ import annotations

import random
from io import StringIO

import pytest

from recollect import Step
from recollect.cli.app import App
from recollect.cli.blocks import settled
from recollect.cli.screen import console, markdown
from recollect.cli.streaming import Drawing

TEXT = """# Title

A paragraph with *words*
on two lines.

1. one

2. two

   ```py
   a = 1

   b = 2
   ```

12. twelve

Then a list:

- a
  - b

- c

```text
no # title

- no item
```

~~~
```

still code
~~~

| a | b |
|---|---|
| 1 | 2 |

> quoted

    indented

end"""


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("", ""),
        ("a", ""),
        ("a\n\n", ""),
        ("a\n\nb", "a\n\n"),
        ("a\n\n b", ""),
        ("a\nb\nc", ""),
        ("- a\n\n- b", ""),
        ("1. a\n\n2", ""),
        ("1. a\n\n2 b", "1. a\n\n"),
        ("- a\n\nb", "- a\n\n"),
        ("```\na\n\nb\n", ""),
        ("```\na\n\nb\n```\n\nc", "```\na\n\nb\n```\n\n"),
        ("`` `a` ``\n\nb", "`` `a` ``\n\n"),
        ("```a``` b\n\nc", "```a``` b\n\n"),
        ("- ```\n  a\n\nb\n", ""),
        ("a\u2028\n\nb", "a\u2028\n\n"),
        ("\n\na", "\n\n"),
    ],
)
def test_settled(text, whole):
    assert text[: settled(text)] == whole


def shown(text):
    file = StringIO()
    console(App(), file).print(markdown(text))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines() if line.strip())


@pytest.mark.parametrize("seed", range(20))
def test_blocks_printed_as_they_come_look_like_the_whole(seed):
    """Whatever the pieces: only what stands between blocks, empty lines, may differ."""
    pieces, left, printed = random.Random(seed), "", []
    place = 0
    while place < len(TEXT):
        size = pieces.randint(1, 30)
        left += TEXT[place : place + size]
        place += size
        end = settled(left)
        printed.append(left[:end])
        left = left[end:]
    printed.append(left)
    assert len([one for one in printed if one]) >= 8
    assert "\n".join(filter(None, map(shown, printed))) == shown(TEXT)


@pytest.mark.parametrize(
    ("pieces", "drawn"),
    [
        (["a\r", "\nb"], "a b"),
        (["a\r", "b"], "a\\x0db"),
        (["a\r"], "a\\x0d"),
        (["a\n", "\n\x1b[3", "1mb"], "a\n\n\\x1b[31mb"),
        (["", " "], ""),
        (["a\n\n", "b\n\n", "c"], "a\n\nb\n\nc"),
    ],
)
@pytest.mark.parametrize("stream", [True, False])
def test_pieces_that_cut_what_belongs_together(capsys, pieces, drawn, stream):
    with Drawing(App(no_color=True), stream=stream) as drawing:
        for piece in pieces:
            drawing.write(piece)
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert "\n".join(lines).strip() == drawn


def test_steps_stand_behind_what_was_said_before(capsys):
    calls = [Step("action", "m", name="look", arguments={"n": 1}), Step("observation", "m", result=None)]
    with Drawing(App(no_color=True), stream=True) as drawing:
        drawing.write("I look")
        for step in [Step("thought", "m", text="I look"), *calls, *calls]:
            drawing.step(step)
        drawing.note("A remark.")
        drawing.write("Found.")
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        *["I look", "", '→ look {"n": 1}', "←", '→ look {"n": 1}', "←"],
        *["A remark.", "", "Found."],
    ]
