"""The filters of ``sessions`` and ``search`` as flags, the same on every command that selects."""

from __future__ import annotations

import csv
import functools
import json
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from ..options import Filters

F = TypeVar("F", bound=Callable[..., Any])
NAMES = (
    "text",
    "tags",
    "any_tags",
    "provider",
    "model",
    "created_since",
    "created_until",
    "since",
    "until",
    "min_cost",
    "max_cost",
    "min_messages",
    "max_messages",
    "metadata",
    "pinned",
    "forked_from",
)


def _dollars(ctx: click.Context, param: click.Parameter, value: str | None) -> Decimal | None:
    """An exact amount of money."""
    if value is None:
        return None
    try:
        number = Decimal(value)
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise click.BadParameter(f"{value!r} is not an amount in US dollars.", ctx, param)
    return number


def json_value(text: str) -> Any:
    """A value as people type it: JSON where it is JSON (``3``, ``true``, ``"3"``), text otherwise."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are not JSON: text, then


def _metadata(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for value in values:
        key, equals, text = value.partition("=")
        if not key or not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE.", ctx, param)
        found[key] = json_value(text)
    return found or None


def _names(
    ctx: click.Context,  # noqa: ARG001  # click's signature
    param: click.Parameter,  # noqa: ARG001  # click's signature
    values: tuple[str, ...],
) -> list[str] | None:
    """Repeated or with commas between; a name with a comma in it stands in double quotes."""
    return [name for row in csv.reader(values, skipinitialspace=True) for name in row] or None


_FLAGS: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
    (("--text",), {"metavar": "TEXT", "help": "Text in the name."}),
    (
        ("--tags", "--tag", "tags"),
        {"multiple": True, "callback": _names, "metavar": "TAG,…", "help": "All of these tags; repeatable."},
    ),
    (
        ("--any-tags", "--any-tag", "any_tags"),
        {"multiple": True, "callback": _names, "metavar": "TAG,…", "help": "One of these tags or more."},
    ),
    (("--provider",), {"metavar": "NAME", "help": "The provider of the model."}),
    (("--model",), {"metavar": "NAME", "help": "The model."}),
    (("--created-since",), {"metavar": "WHEN", "help": "Created at or after a date or time."}),
    (("--created-until",), {"metavar": "WHEN", "help": "Created before its end; a date means all day."}),
    (("--since",), {"metavar": "WHEN", "help": "Changed at or after (search: said)."}),
    (("--until",), {"metavar": "WHEN", "help": "Changed until (search: said)."}),
    (("--min-cost",), {"callback": _dollars, "metavar": "USD", "help": "Cost at least this."}),
    (("--max-cost",), {"callback": _dollars, "metavar": "USD", "help": "Cost at most this."}),
    (("--min-messages",), {"type": int, "metavar": "N", "help": "At least so many messages."}),
    (("--max-messages",), {"type": int, "metavar": "N", "help": "At most so many messages."}),
    (
        ("--metadata", "--meta", "metadata"),
        {
            "multiple": True,
            "callback": _metadata,
            "metavar": "KEY=VALUE",
            "help": "This metadata (a.b for inner keys; JSON or text); repeatable.",
        },
    ),
    (("--pinned/--not-pinned",), {"default": None, "help": "Pinned ones only, or the others."}),
    (("--forked-from",), {"metavar": "ID", "help": "Forks of this session."}),
)


def filter_options(function: F) -> F:
    """Add the filters to a command, which then takes ``filters``: those that were given."""

    @functools.wraps(function)
    def collected(*args: Any, **values: Any) -> Any:
        given = {name: values.pop(name) for name in NAMES}
        filters: Filters = {name: value for name, value in given.items() if value is not None}  # type: ignore[assignment]  # a TypedDict built by name
        return function(*args, filters=filters, **values)

    for flags, settings in reversed(_FLAGS):
        collected = click.option(*flags, **settings)(collected)
    return collected  # type: ignore[return-value]  # the same command, as click sees it


def page_options(default: int) -> Callable[[F], F]:
    """Add ``--limit`` and ``--cursor`` to a command."""

    def add(function: F) -> F:
        function = click.option("--cursor", metavar="TEXT", help="Go on where a list ended.")(function)
        return click.option(
            "--limit",
            type=click.IntRange(1, 100_000),
            default=default,
            show_default=True,
            metavar="N",
            help="At most so many.",
        )(function)

    return add
