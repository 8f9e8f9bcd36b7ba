"""The stylesheet of an exported page, and the policy that lets it load nothing else."""

from __future__ import annotations

import base64
from functools import cache
from hashlib import sha256

from pygments.formatters.html import HtmlFormatter  # type: ignore[import-untyped]  # comes without annotations

_PAGE = """
:root { color-scheme: light dark; --text: #1f2328; --soft: #59636e; --page: #ffffff; --box: #f6f8fa;
  --line: #d1d9e0; --chip: #eaedf1; --user: #ddf4ff; --link: #0969da; --mark: #0969da; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 1rem; }
body { margin: 0 auto; max-width: 54rem; padding: 1.5rem 1rem 4rem; background: var(--page);
  color: var(--text);
  font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .75rem; }
h3, h4, h5, h6 { font-size: 1rem; line-height: 1.3; margin: 1.2em 0 .4em; }
h3 { font-size: 1.25rem; }
h4 { font-size: 1.12rem; }
hr { border: 0; border-top: 1px solid var(--line); margin: 1.2em 0; }
a { color: var(--link); }
p, ul, ol, blockquote, table, pre { margin: .6em 0; }
li > ul, li > ol { margin: .15em 0; }
blockquote { border-left: .25rem solid var(--line); color: var(--soft); margin-left: 0;
  padding-left: 1rem; }
code, pre { font: .86em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
:not(pre) > code { background: var(--chip); border-radius: .3rem; padding: .1em .35em; }
pre { background: var(--box); border: 1px solid var(--line); border-radius: .4rem; overflow-x: auto;
  padding: .75rem; }
pre.plain { white-space: pre-wrap; }
pre > code { font-size: 1em; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; }
td.right, th.right { text-align: right; }
td.center, th.center { text-align: center; }
img { height: auto; max-width: 100%; }
dl.facts { color: var(--soft); display: grid; font-size: .875rem; gap: .1rem 1rem;
  grid-template-columns: auto 1fr; }
dl.facts dd { margin: 0; }
nav { border: 1px solid var(--line); border-radius: .5rem; margin: 1rem 0; padding: .5rem 1rem; }
nav ol { margin: .5rem 0; max-height: 60vh; overflow-y: auto; }
nav a { text-decoration: none; }
nav details { border: 0; margin: 0; padding: 0; }
article { border-left: .2rem solid transparent; margin: 1.25rem 0; padding-left: .9rem;
  unicode-bidi: isolate; }
article.user { background: var(--user); border-radius: .5rem; border-left-color: var(--mark);
  padding: .6rem .9rem; }
article.injected { background: none; }
article.injected, article.tool, article.system, article.developer { border-left-color: var(--line); }
article > header { align-items: baseline; color: var(--soft); display: flex; flex-wrap: wrap;
  font-size: .82rem;
  gap: .2rem .75rem; }
article > header h2 { color: var(--text); font-size: .95rem; margin: 0; }
article > header a { color: inherit; text-decoration: none; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .35rem .75rem; }
summary { color: var(--soft); cursor: pointer; font-size: .9rem; }
details.failed { border-color: #cf222e; }
.attachment, .picture, .erased { color: var(--soft); }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --soft: #9198a1; --page: #0d1117; --box: #161b22; --line: #3d444d;
    --chip: #262c36;    --user: #121d2f;
    --link: #4493f8; --mark: #4493f8; }
}
@media print {
  :root { color-scheme: light; --text: #000; --soft: #444; --page: #fff; --box: #fff; --line: #bbb;
    --chip: #eee;    --user: #fff;
    --link: #000; --mark: #888; }
  body { font-size: 10.5pt; max-width: none; padding: 0; }
  nav ol { max-height: none; }
  pre { overflow: visible; white-space: pre-wrap; }
  details::details-content { block-size: auto; content-visibility: visible; }
  article > header, summary, h3, h4 { break-after: avoid; }
  img { break-inside: avoid; }
}
"""


@cache
def stylesheet() -> str:
    """All styles of a page, those of coloured code included."""
    light = HtmlFormatter(style="default").get_token_style_defs(".code")
    dark = HtmlFormatter(style="github-dark").get_token_style_defs(".code")
    at_night = ["@media screen and (prefers-color-scheme: dark) {", *dark, "}", ""]
    return _PAGE + "\n".join([*light, *at_night])


@cache
def policy() -> str:
    """The content security policy: this stylesheet, pictures inside the page, and nothing else."""
    digest = base64.b64encode(sha256(stylesheet().encode()).digest()).decode()
    styles = f"style-src 'sha256-{digest}'"
    return f"default-src 'none'; {styles}; img-src data:; base-uri 'none'; form-action 'none'"
