"""Ids, names and texts that break naive engines, as data.

``SESSION_IDS`` are all legal (1 to 255 code points, no control characters, no lone surrogates)
and all distinct by code point; an engine that folds, normalises, trims, escapes badly or builds
paths from them confuses two of them or loses one. ``BAD_IDS`` are never legal.
"""

from __future__ import annotations

__all__ = ["BAD_IDS", "BODIES", "NAMESPACES", "SESSION_IDS", "TEXTS"]

_CASE = [
    "session", "Session", "SESSION", "sEssion", "session1", "i", "I", "ı", "İ", "i\u0307", "ß", "ss", "SS",
    "ẞ", "ſ", "s", "S", "K", "k", "\u212a", "σ", "ς", "Σ", "ǆ", "ǅ", "Ǆ", "ᏸ", "Ᏸ", "ꭰ", "Ꭰ",
]  # fmt: skip
_ACCENTS = [
    "e", "é", "e\u0301", "è", "ê", "É", "cafe", "café", "cafe\u0301", "Å", "\u212b", "A\u030a", "å", "ñ",
    "n\u0303", "ö", "oe", "ø", "ﬁ", "fi", "①", "1", "½", "1⁄2", "㎏", "kg", "ﷺ", "가", "\u1100\u1161", "が",
    "か\u3099", "ガ", "ｶﾞ", "Ａ", "A", "a", "ᾳ", "αι", "\u0344", "\u0308\u0301", "ộ", "o\u0323\u0302",
    "o\u0302\u0323", "Ω", "\u2126",
]  # fmt: skip
_SCRIPTS = [
    "会话", "會話", "セッション", "세션", "сессия", "с", "c", "جلسة", "שיחה", "สนทนา", "बातचीत",
    "𠜎𠜱", "𝒳𝓎", "\U0001f600", "\U0001f469\u200d\U0001f467", "\U0001f469\U0001f467", "🇩🇪",
    "\U0001f44d", "\U0001f44d\U0001f3fd", "☺", "☺\ufe0f", "\u200d", "a\u200db", "a\u200bb", "ab",
    "\u200b", "\u200e", "\u202eabc", "abc\u202c", "\ufeffabc", "abc", "a\u00adb", "\ufffd", "\ufffc",
    "\ufdd0", "\uffff", "\U0010ffff", "\ue000", "\U000e0001x",
]  # fmt: skip
_SPACES = [
    " ", "  ", "\u3000", "\u00a0", "\u2028", "\u2029", "\u2003", " abc ", "abc ", " abc", "abc  ", "a b",
    "a  b", "a\u00a0b", "a\u2028b",
]  # fmt: skip
_PATHS = [
    ".", "..", "...", "./x", "../x", "../../etc/passwd", "/", "//", "/x", "x/", "x/y", "x//y", "x/./y",
    "x/../y", "\\", "\\x", "x\\y", "..\\x", "C:", "C:\\x", "C:x", "\\\\host\\share", "~", "~root", "~/x",
    "file:///x", "x.", "x..", "x ", "x .", ".x", ".hidden", "x:y", "x:$DATA", "x::$INDEX_ALLOCATION", "CON",
    "con", "Con", "PRN", "AUX", "NUL", "nul", "nul.txt", "NUL.jsonl", "COM1", "COM¹", "LPT1", "lpt9.log",
    "CONIN$", "CLOCK$", "desktop.ini", "Thumbs.db", ".DS_Store", ".git", ".lock", "x.lock", "x.jsonl",
    "x.jsonl.tmp", "x.tmp", "x.db", "x.db-wal", "index", "index.db", "x~1", "PROGRA~1", "x.jsonl/y",
    "lost+found",
]  # fmt: skip
_SYNTAX = [
    "'", "''", "\"", "\"\"", "`", "%", "%%", "%25", "%2F", "%2e%2e", "%00", "_", "__", "%_", "a%b", "a_b",
    "aXb", "\\%", "\\_", "*", "**", "*?", "?", "[a]", "[^a]", "[", "]", "{a}", "{}", "{{}}", "{0}", "%s",
    "%(x)s", "$1", "$x", "${x}", "$(x)", ":1", ":x", "?1", "@x", "#", "#x", "&", "&amp;", "<b>",
    "<script>alert(1)</script>", ";", "; --", "--", "-", "-rf", "--help", "-", "+", "=", "=1+1", "!", "!x",
    "|", "x|y", ">", ">x", "<x", ",", "a,b", "(", ")", "'; DROP TABLE sessions; --", "' OR '1'='1",
    "1 OR 1=1", "NULL", "null", "None", "true", "false", "NaN", "0", "00", "01", "-1", "1.0", "1e3",
    "9223372036854775807", "9223372036854775808", "0x10", "\\0", "\\x00", "\\u0000", "\\n", "\\\\", "^",
    "$", ".*", "(?i)x", "x\\", "\\'", "u", "s", "b'x'", "@last", "@", "{session}:x", "recollect:x", "x:*",
    "x:?", "session:[ab]", "a\\*b", "a/b?c=d#e", "a+b", "a b+c%20d", "KEYS *", "\u2019", "“x”",
    "=?utf-8?q?x?=", "MATCH", "AND", "OR", "NOT", "NEAR(a b)",
]  # fmt: skip
_LONG = [
    "x" * 255, "x" * 254, "X" * 255, "x" * 254 + "y", "é" * 255, "e" * 255, "会" * 255, "\U0001f600" * 255,
    "\U0010ffff" * 255, "\U0001f600" * 254 + "x", "%" * 255, "." * 255, "/" * 255, " " * 255,
    "a" * 100 + "/" + "b" * 154, "\u0301" * 255, "'" * 255, "A" * 128, "a" * 128,
]  # fmt: skip
_UUIDS = [
    "0190b5a0-7c1e-7d4e-8a3b-2f1c5d6e7f80", "0190B5A0-7C1E-7D4E-8A3B-2F1C5D6E7F80",
    "0190b5a07c1e7d4e8a3b2f1c5d6e7f80", "{0190b5a0-7c1e-7d4e-8a3b-2f1c5d6e7f80}",
    "urn:uuid:0190b5a0-7c1e-7d4e-8a3b-2f1c5d6e7f80", "00000000-0000-0000-0000-000000000000",
]  # fmt: skip

SESSION_IDS: tuple[str, ...] = tuple(
    dict.fromkeys([*_CASE, *_ACCENTS, *_SCRIPTS, *_SPACES, *_PATHS, *_SYNTAX, *_LONG, *_UUIDS])
)
"""Legal session ids, each distinct from all others by code point only."""

NAMESPACES: tuple[str, ...] = (
    "default", "Default", "alice", "Alice", "alicE", "álice", "a\u0301lice", "alice ", "alice/x",
    "alice/../bob", "bob", "a%", "a_", "ab", "a*", "'", "..", "CON", "😀" * 50, "alice:1", "alice\u200b",
)  # fmt: skip
"""Legal names of namespaces, distinct by code point."""

BAD_IDS: tuple[str, ...] = (
    "", "x" * 256, "\U0001f600" * 256, "\x00", "a\x00b", "a\nb", "a\tb", "\r", "\x1b[31m", "\x7f", "\x85",
    "\x9f", "\ud800", "\udfff", "a\udc80b", "\ud83d",
)  # fmt: skip
"""Strings that are no session id: empty, too long, control characters, lone surrogates."""

TEXTS: tuple[str, ...] = (
    "", " ", "\x00", "a\x00b", "\ud800", "a\udfffb", "\udc00\ud800", "\ud83d\ude00", "\u2028", "\u2029",
    "\ufeff", "\x85", "\r\n", "\n", "\x1b[2J", "\x7f", "'", "\"", "\\", "\\u0000", "\U0001f600", "e\u0301",
    "é", "İ", "ß", "\uffff", "\U0010ffff", "</script>", "{}", "[]", "null", "NaN", "{\"type\":\"text\"}",
    "%s", "会话", "\u202e",
)  # fmt: skip
"""Texts that JSON can carry; NULs and lone surrogates among them."""

BODIES: tuple[bytes, ...] = (
    b"", b"\x00", b"\x00\x00\x00", b"\n", b"\r\n", b"a\nb", b"\n\n", b"{}", b"{\"a\":1}", b"\xff",
    b"\xfe\xff", b"\xc3\x28", b"\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x1a", b"\x1b[31m", b"'",
    b"\"", b"\\", b"\\x00", b"%s", b"NULL", bytes(range(256)), bytes(range(256)) * 17, b" ", b"\t",
    b"x" * 4095, b"x" * 4096, b"x" * 4097, b"\x00" * 65_536, b"x" * 70_001, "\u2028\u2029\ufeff".encode(),
    b"{\"unclosed\":", b"[1,2", b"0",
)  # fmt: skip
"""Bodies that must come back byte for byte."""
