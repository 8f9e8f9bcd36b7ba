"""BM25 over the whole index.

FTS5's own ``bm25()`` counts every match of every phrase before it ranks the first hit (0.5 s for a
word that is in all of a million messages), knows one shard at a time, and would rate waiting
messages by their own small number. Here the weight of each term is estimated once, over the newest
shards, and a function that FTS5 calls for each hit applies the same formula; it is as fast.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import apsw

from ...backend import TEXT_KINDS, Term, TextMatch
from .textshards import Shard, table

__all__ = ["expression", "firm_part", "register", "score_sql", "shortest_prefix", "terms", "weights"]

_K1, _B = 1.2, 0.75
_FIXED = _K1 * (1 - _B)
_LEAST = 1e-6
_ENOUGH = 1000
_WIDE = 2  # letters up to which a prefix stands for so many words that counting them takes too long
_WIDE_WEIGHT = 0.1


def _per_word(api: apsw.FTS5ExtensionApi) -> float:
    """How much each word of a text dampens its score, kept with the query."""
    mean: float | None = api.aux_data
    if mean is None:
        mean = api.aux_data = _K1 * _B / max(api.column_total_size(-1) / max(api.row_count, 1), 1.0)
    return mean


def _score_one(api: apsw.FTS5ExtensionApi, *weights: apsw.SQLiteValue) -> float:
    """The same for a query of a single phrase, which takes half the time."""
    count = api.inst_count
    damping = _FIXED + _per_word(api) * api.column_size(-1)
    return weights[0] * (count * (_K1 + 1)) / (count + damping)  # type: ignore[operator]  # a float, as we pass it


def _score(api: apsw.FTS5ExtensionApi, *weights: apsw.SQLiteValue) -> float:
    """Larger is better, unlike FTS5's own."""
    damping = _FIXED + _per_word(api) * api.column_size(-1)
    score = 0.0
    for phrase, weight in enumerate(weights):
        count = 0
        for places in api.phrase_locations(phrase):
            count += len(places)
        if count:
            score += weight * (count * (_K1 + 1)) / (count + damping)  # type: ignore[operator]  # floats, as we pass them
    return score


def register(conn: apsw.Connection) -> None:
    """Define the functions that ``score_sql`` calls, on a connection."""
    conn.register_fts5_function("text_score_one", _score_one)
    conn.register_fts5_function("text_score", _score)


def score_sql(name: str, weights: Sequence[float]) -> str:
    """A hit's score in the FTS5 table ``name``; without weights hits are not ranked."""
    if not weights:
        return "0.0"
    return f"text_score{'_one' if len(weights) == 1 else ''}({name}{', ?' * len(weights)})"


def terms(match: TextMatch) -> list[Term]:
    """The terms that a hit is ranked by, in the order in which FTS5 numbers its phrases."""
    return [term for group in match.all_of for term in group]


def shortest_prefix(match: TextMatch) -> int | None:
    """The length of the shortest prefix asked for; None when there is none."""
    lengths = [len(term.words[-1]) for term in [*terms(match), *match.none_of] if term.prefix]
    return min(lengths, default=None)


def _is_wide(term: Term) -> bool:
    return term.prefix and len(term.words) == 1 and len(term.words[0]) <= _WIDE


def _quoted(term: Term) -> str:
    # Words hold letters and digits only, so that nothing needs escaping.
    return f'"{" ".join(term.words)}"' + ("*" if term.prefix else "")


def expression(match: TextMatch, kinds: Sequence[str]) -> str:
    """The query in FTS5's language, confined to these kinds of text."""
    groups = ["(" + " OR ".join(map(_quoted, group)) + ")" for group in match.all_of]
    whole = "(" + " AND ".join(groups) + ")"
    if match.none_of:
        whole += " NOT (" + " OR ".join(map(_quoted, match.none_of)) + ")"
    return whole if set(kinds) == set(TEXT_KINDS) else f"{_columns(kinds)} : ({whole})"


def firm_part(match: TextMatch, kinds: Sequence[str]) -> str | None:
    """What every hit matches, without prefixes and exclusions: quick to look for. None: nothing."""
    firm = tuple(group for group in match.all_of if not any(term.prefix for term in group))
    return expression(TextMatch(firm), kinds) if firm and firm != match.all_of else None


def _columns(kinds: Sequence[str]) -> str:
    return "{" + " ".join(kind for kind in TEXT_KINDS if kind in kinds) + "}"


def weights(
    conn: apsw.Connection, match: TextMatch, shards: Sequence[Shard], tail: str | None
) -> list[float]:
    """How telling each term is: its inverse document frequency among the newest messages.

    With no shard yet, the waiting messages (table ``tail``) are counted.
    """
    sizes = [(table(shard), docs) for shard, docs in shards]
    if not sizes and tail is not None:
        waiting: int = conn.execute(f"SELECT count(*) FROM temp.{tail}").get
        sizes = [(tail, waiting)]
    return [_weight(conn, term, sizes) for term in terms(match)]


def _weight(conn: apsw.Connection, term: Term, sizes: list[tuple[str, int]]) -> float:
    if _is_wide(term):
        return _WIDE_WEIGHT
    seen = found = 0
    for name, docs in sizes:
        found += conn.execute(f"SELECT count(*) FROM {name} WHERE {name} MATCH ?", (_quoted(term),)).get
        seen += docs
        # A prefix costs as much again in each shard.
        if found >= _ENOUGH or term.prefix:
            break
    seen = max(seen, found)
    return max(math.log((seen - found + 0.5) / (found + 0.5)), _LEAST)
