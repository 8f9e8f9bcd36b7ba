"""HTML: good to read, and nothing stored becomes more than words, marks and harmless links."""

import base64
import re
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recollect import (
    BlobPart,
    FilePart,
    Message,
    OtherPart,
    ReasoningPart,
    Store,
    TextPart,
    ToolCallPart,
    ToolCallResponsePart,
    UriPart,
    Usage,
)
from recollect.formats import html, html_text

PNG = b"\x89PNG\r\n\x1a\n pixels"
TAGS = {
    *("a", "article", "blockquote", "body", "br", "code", "dd", "del", "details", "dl", "dt", "em", "head"),
    *("header", "hr", "html", "img", "li", "main", "meta", "nav", "ol", "p", "pre", "s", "span", "strong"),
    *("style", "summary", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul"),
    *("h1", "h2", "h3", "h4", "h5", "h6"),
}
ATTRIBUTES = {
    *("alt", "charset", "class", "content", "dir", "href", "http-equiv", "id", "lang", "name", "open", "rel"),
    *("src", "start", "title"),
}
NO_END = {"br", "hr", "img", "meta"}


class Page(HTMLParser):
    """A page taken apart; complains of everything that could do more than be read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        values = dict(attrs)
        assert values.keys() <= ATTRIBUTES, values
        if "href" in values:
            assert re.match(r"#m\d+$|https?://|mailto:", values["href"], re.IGNORECASE), values
        if "src" in values:
            assert re.match(r"data:image/(png|jpeg|gif|webp|bmp);base64,[A-Za-z0-9+/=]*$", values["src"])
        self.found.append((tag, values))
        if tag not in NO_END:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in NO_END:
            assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_data(self, data):
        self.words.append(data)

    def handle_comment(self, data):
        raise AssertionError("a comment")

    def handle_pi(self, data):
        raise AssertionError("a processing instruction")

    def unknown_decl(self, data):
        raise AssertionError("a declaration")

    def count(self, tag: str) -> int:
        return [name for name, _ in self.found].count(tag)


def exported(*messages, **attributes) -> str:
    with Store("memory:") as store:
        store.open("s1", **attributes).append(*messages)
        text = store.export("s1", format="html")
    assert isinstance(text, str)
    return text


def test_everything_that_was_said_is_there_and_folded_where_it_is_long():
    text = exported(
        Message.user("What is *the* time?\nHere."),
        Message.assistant(
            [ReasoningPart("I need the clock."), ToolCallPart("clock", {"zone": "UTC"}, "c1")],
            usage=Usage(1200, 30, cost_usd="0.02"),
        ),
        Message.tool("c1", '{"now": "noon"}'),
        Message.assistant(
            [TextPart("## Noon\n\n```python\nx = 1\n```"), BlobPart(PNG, "image/png", "image")]
        ),
        Message.user([UriPart("https://example.org/a"), FilePart("file-1"), OtherPart("odd", {"k": "v"})]),
        Message.user("cwd", metadata={"injected": "environment"}),
        name="The time",
        system_prompt="Be **brief**.",
    )
    page = Page(text)
    words = "".join(page.words)
    for said in ("The time", "What is ", "the", "I need the clock.", '"zone"', "noon", "file-1", "cwd"):
        assert said in words
    assert page.count("article") == 6
    assert page.count("details") == 7  # contents, prompt, reasoning, call, answer, other, injected
    assert [values["href"] for tag, values in page.found if tag == "a"][:2] == ["#m1", "#m5"]
    assert "<em>the</em> time?<br />" in text
    assert "<h4>Noon</h4>" in text  # below the page's own headings
    assert '<span class="n">x</span>' in text
    assert '<summary title="c1">Tool call <code>clock</code> · UTC</summary>' in text
    assert "1,200 tokens in, 30 out, $0.02" in words
    assert "Injected: environment" in words
    assert text.count('<article class="user injected"') == 1
    assert f'src="data:image/png;base64,{base64.b64encode(PNG).decode()}"' in text


def test_the_policy_allows_the_stylesheet_and_pictures_in_the_page_only():
    text = exported(Message.user("x"))
    (policy,) = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert text.index("Content-Security-Policy") < text.index("<style>")
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
    assert not re.search(r"url\(|@import|//", style)


HOSTILE = [
    "<script>alert(1)</script>",
    "</p></article></main><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onmouseover='alert(1)",
    "<!-- comment --> <![CDATA[ x ]]> <?php x ?> <!DOCTYPE html>",
    "[x](javascript:alert(1)) [y](JaVaScRiPt:alert(1)) [z](data:text/html,<script>1</script>)",
    "[x](vbscript:x) [y](java\nscript:alert(1)) [z](&#106;avascript:alert(1))",
    "[w](\x01javascript:x) [f](file:///etc/x)",
    "![x](javascript:alert(1)) ![y](https://example.org/spy.png) ![z](data:image/svg+xml;base64,PHN2Zz4=)",
    '[x](https://example.org/"onclick=alert(1)) <https://example.org/"onclick=x>',
    '[y](<https://a b> "t\\" onclick=x")',
    "<javascript:alert(1)>",
    "[ref]\n\n[ref]: javascript:alert(1)",
    "```html\n</code></pre><script>alert(1)</script>\n```",
    '```"><script>alert(1)</script>\n</script>\n```',
    "``` onclick=alert(1)\nx\n```",
    "```<script>\nx\n```",
    "    </pre><script>alert(1)</script>",
    "`</code><script>alert(1)</script>`",
    "</details></details></style></title><style>* { display: none }</style>",
    "| <b onclick=x> | b |\n| :-: | --: |\n| </td><script>1</script> | `|` |",
    "a\u2028b\u2029c\x00d\x1b[31me\x9b\ud800f\ufeff\u202eg",
    "&lt;script&gt; &#60;script&#62; &amp;lt;",
    "# <script>\n\n<h1 onclick=x>\n====\n",
    "> " * 500 + "deep",
    "- " * 500 + "deep",
    "[" * 5000,
    "*a **" * 2000,
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_nothing_breaks_out_wherever_it_stands(hostile):
    check(hostile)


def check(hostile: str) -> None:
    data = "data:image/svg+xml;base64," + base64.b64encode(b"<svg onload='alert(1)'/>").decode()
    text = exported(
        Message.user(hostile, model=hostile, metadata={"injected": hostile or "x"}),
        Message.assistant(
            [
                TextPart(hostile),
                ReasoningPart(hostile),
                ToolCallPart(hostile, {hostile: [hostile]}, hostile),
                ToolCallPart("text", hostile),
                OtherPart(hostile, {"type": hostile}),
                BlobPart(b"<svg onload='alert(1)'/>", "image/svg+xml", "image"),
                BlobPart(hostile.encode("utf-8", "replace"), hostile, "image"),
                BlobPart(b"<script>", "image/png", "image"),
                UriPart(hostile, hostile, hostile),
                UriPart(data, "image/svg+xml", "image"),
                UriPart("javascript:alert(1)"),
                FilePart(hostile),
            ],
            model=hostile,
        ),
        Message(role="tool", parts=(ToolCallResponsePart(hostile, hostile, {"is_error": True}),)),
        Message.tool(hostile, {hostile: hostile}),
        name=hostile.replace("\ud800", "") or None,
        model=hostile.replace("\ud800", "") or None,
        tags=["a<b>"],
        system_prompt=hostile,
        summary=hostile,
    )
    page = Page(text)
    assert page.count("article") == 4
    assert page.count("img") == page.count("script") == 0
    assert page.count("style") == 1
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text)


MARKS = st.sampled_from(
    [*list("<>\"'&`*_[]()!#|\\/:;=-~\n\t {}"), "script", "javascript:", "https://a", "on", "\x00"]
)


@given(st.lists(MARKS | st.text(max_size=3), max_size=30).map("".join))
def test_nothing_random_breaks_out(hostile):
    check(hostile)


def test_pictures_are_shown_when_they_are_pictures():
    def uri(kind: str, content: bytes) -> str:
        return f"data:{kind};base64,{base64.b64encode(content).decode()}"

    text = exported(
        Message.user(
            [
                BlobPart(PNG, "image/PNG; x=y", "image"),
                BlobPart(b"\xff\xd8\xff", "image/jpg", "image"),
                UriPart(uri("image/png", PNG), None, "image"),
                UriPart(uri("image/png", b"no picture"), None, "image"),
                UriPart("data:image/png;base64,====", None, "image"),
                BlobPart(b"GIF8", "image/gif", "image"),
            ]
        )
    )
    page = Page(text)
    kinds = [values["src"].partition(";")[0] for tag, values in page.found if tag == "img"]
    assert kinds == ["data:image/png", "data:image/jpeg", "data:image/png", "data:image/gif"]


def test_very_long_texts_are_shown_without_rendering(monkeypatch):
    monkeypatch.setattr(html_text, "LONGEST_MARKDOWN", 10)
    assert html_text.markdown("**" + "<b>" * 4) == '<pre class="plain">**' + "&lt;b&gt;" * 4 + "</pre>\n"
    monkeypatch.setattr(html_text, "LONGEST_CODE", 10)
    assert "span" not in html_text.code("x = 1 + 2 + 3", "python")
    assert "span" in html_text.code("x = 1", "python")


@pytest.mark.parametrize("text", ["x = 1", "x = 1\n", "\n\nx = 1\n\n", "a\tb", " ", ""])
@pytest.mark.parametrize("language", ["python", "json", "diff", "text", "bash", "unknown", ""])
def test_coloured_code_is_the_same_code(text, language):
    page = Page(html_text.code(text, language))
    assert "".join(page.words).removesuffix("\n") == text


def test_a_page_is_written_message_by_message():
    written: list[str] = []
    behind: list[int] = []

    class Messages:
        """Notes at each message how many others are asked for and not written yet."""

        passes = 0

        def __iter__(self):
            self.passes += 1
            for number in range(50):
                if self.passes == 2:
                    behind.append(number - sum("</article>" in piece for piece in written))
                yield Message.assistant(f"answer {number}")

    with Store("memory:") as store:
        info = store.open("s1").info
    html.write(info, Messages(), written.append)
    assert behind == [0] * 50
    assert "answer 49" in "".join(written)
