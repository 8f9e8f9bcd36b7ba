"""Markdown that still grows: what is called settled never looks different later."""

from __future__ import annotations

import random
from io import StringIO

import pytest

from recollect.cli.app import App
from recollect.cli.blocks import settled
from recollect.cli.screen import console, markdown

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
