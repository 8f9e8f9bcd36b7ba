"""A session to be read in a browser: one page that needs nothing else and runs nothing.

Its policy allows the stylesheet inside the page and pictures inside the page. Everything that was
said is escaped or rendered to harmless tags (see ``html_text``). Written only.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..model import Message, SessionInfo
from .base import Write
from .html_parts import folded, part_html
from .html_style import policy, stylesheet
from .html_text import escape, markdown
from .showing import facts, injected, is_erased, moment, one_line, safe, spent, title, turns

NAME = "html"

_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="recollect">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""


def write(info: SessionInfo, messages: Iterable[Message], write: Write) -> None:
    """The page, message by message; ``messages`` is iterated twice."""
    write(_HEAD.format(policy=policy(), style=stylesheet(), title=escape(title(info))))
    write('<dl class="facts">\n')
    for name, value in facts(info):
        if name == "name":
            continue  # the heading says it
        text = ", ".join(value) if isinstance(value, list) else str(value)
        write(f"<dt>{name.replace('_', ' ')}</dt><dd>{escape(one_line(text))}</dd>\n")
    write("</dl>\n")
    if info.system_prompt:
        write(folded("System prompt", markdown(safe(info.system_prompt)), "system"))
    _write_contents(messages, write)
    for number, message in enumerate(messages, 1):
        _write_message(number, message, write)
    write("</main>\n</body>\n</html>\n")


def _write_contents(messages: Iterable[Message], write: Write) -> None:
    """A table of contents: one line for each turn, where there are several."""
    waiting = ""
    opened = False
    for number, begins in turns(messages):
        line = f'<li><a href="#m{number}">{escape(begins)}</a></li>\n'
        if waiting:
            write(f"<nav><details open><summary>Contents</summary>\n<ol>\n{waiting}")
            opened, waiting = True, ""
        if opened:
            write(line)
        else:
            waiting = line
    if opened:
        write("</ol>\n</details></nav>\n")


def _write_message(number: int, message: Message, write: Write) -> None:
    kind = injected(message)
    role = message.role if kind is None else f"{message.role} injected"
    write(f'<article class="{role}" id="m{number}" dir="auto">\n{_header(number, message)}')
    if is_erased(message):
        write('<p class="erased">[erased]</p>\n')
    if kind is not None:
        write(f'<details class="injected"><summary>Injected: {escape(kind)}</summary>\n')
    for part in message.parts:
        write(part_html(part, message))
    write("</details>\n</article>\n" if kind is not None else "</article>\n")


def _header(number: int, message: Message) -> str:
    """Who spoke, when, and what it cost."""
    pieces = [f'<h2><a href="#m{number}">{message.role.capitalize()}</a></h2>']
    if message.model:
        pieces.append(f"<span>{escape(one_line(message.model))}</span>")
    if message.created_at is not None:
        pieces.append(f"<time>{moment(message.created_at)}</time>")
    if cost := spent(message):
        pieces.append(f"<span>{escape(cost)}</span>")
    return f"<header>{''.join(pieces)}</header>\n"
