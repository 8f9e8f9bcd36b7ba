"""Markdown and code as HTML that holds nothing but text, marks and harmless links.

Raw HTML in a text stays text. Links lead to ``http``, ``https`` and ``mailto`` only. Pictures that
a text refers to are never fetched: a link stands in their place.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

LONGEST_MARKDOWN = 200_000
LONGEST_CODE = 50_000
"""Characters up to which a text is rendered and code is coloured; longer ones are shown as they are."""

_LINK = re.compile(r"(?:https?://|mailto:)[^\s\x00-\x1f]+", re.IGNORECASE)
_LANGUAGE = re.compile(r"[A-Za-z0-9][\w+#.-]{0,29}", re.ASCII)


def escape(text: str) -> str:
    """``text`` for between tags and in quoted attributes."""
    return html.escape(text, quote=True)


def is_link(address: str) -> bool:
    """Whether an address may become a link."""
    return _LINK.fullmatch(address) is not None


def link(address: str, text: str) -> str:
    """A link, or the bare text where the address is none to follow."""
    if not is_link(address):
        return f"<code>{escape(text)}</code>"
    return f'<a href="{escape(address)}" rel="noopener noreferrer nofollow">{escape(text)}</a>'


def markdown(text: str, *, breaks: bool = False) -> str:
    """A text rendered; with ``breaks`` each of its lines stays a line."""
    if len(text) > LONGEST_MARKDOWN:
        return f'<pre class="plain">{escape(text)}</pre>\n'
    rendered: str = _renderer(breaks).render(text)
    return rendered


def code(text: str, language: str = "") -> str:
    """Code in a block, coloured where the language is known."""
    return f'<pre class="code"><code>{_coloured(text, language)}</code></pre>\n'


def _coloured(text: str, language: str) -> str:
    if len(text) > LONGEST_CODE or not _LANGUAGE.fullmatch(language):
        return escape(text)
    from pygments import highlight  # type: ignore[import-untyped]  # comes without annotations
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # as above

    try:
        lexer = _lexer(language.lower())
    except ClassNotFound:
        return escape(text)
    coloured = str(highlight(text, lexer, _formatter()))  # lexers want lines that end
    return coloured if text.endswith("\n") else coloured.removesuffix("\n")


@cache
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name  # type: ignore[import-untyped]  # as above

    return get_lexer_by_name(language, stripnl=False)


@cache
def _formatter() -> Any:
    from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]  # as above

    return HtmlFormatter(nowrap=True)


class _Renderer(RendererHTML):
    """What differs from plain CommonMark output."""

    def image(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A link to the picture: nothing is fetched when the page is opened."""
        token = tokens[idx]
        words = self.renderInlineAsText(token.children or [], options, env) or "picture"
        return f'<span class="picture">🖼 {link(str(token.attrGet("src") or ""), words)}</span>'

    def fence(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002  # its signature
        """A code block with a language, perhaps."""
        return code(tokens[idx].content, (tokens[idx].info.split() or [""])[0])

    def code_block(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002  # its signature
        """An indented code block."""
        return code(tokens[idx].content)

    def link_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:
        """A link that tells its target nothing about this page."""
        tokens[idx].attrSet("rel", "noopener noreferrer nofollow")
        return self.renderToken(tokens, idx, options, env)

    def heading_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002  # its signature
        """Headings below those of the page itself."""
        return f"<h{_level(tokens[idx])}>"

    def heading_close(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002  # its signature
        """The same level as it was opened with."""
        return f"</h{_level(tokens[idx])}>\n"

    def th_open(self, tokens: Sequence[Token], idx: int, options: Any, env: Any) -> str:  # noqa: ARG002  # its signature
        """Without ``style``, which the page's policy forbids: alignment is a class."""
        return _cell(tokens[idx])

    td_open = th_open


def _level(token: Token) -> int:
    return min(6, int(token.tag[1:]) + 2)


def _cell(token: Token) -> str:
    found = re.search(r"text-align:(left|right|center)", str(token.attrGet("style") or ""))
    return f'<{token.tag} class="{found[1]}">' if found else f"<{token.tag}>"


@cache
def _renderer(breaks: bool) -> Any:
    settings = {"html": False, "linkify": False, "typographer": False, "breaks": breaks, "maxNesting": 20}
    parser = MarkdownIt("commonmark", settings, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    parser.validateLink = is_link  # type: ignore[assignment]  # its documented way to restrict links
    return parser
