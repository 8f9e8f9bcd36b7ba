"""Options that take a span of time, a size or a moment: ``90d``, ``1GB``, ``2027-01-31``."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click

from ..errors import InvalidError


def span(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:
    """The span of time meant, or a usage error."""
    from ..config import parse_duration

    try:
        return None if value is None else parse_duration(value)
    except InvalidError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def size(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """The number of bytes meant, or a usage error."""
    from ..config import parse_size

    try:
        return None if value is None else parse_size(value)
    except InvalidError as error:
        raise click.BadParameter(str(error), ctx, param) from error


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """The date or time meant, UTC where no zone is said, or a usage error."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is not a date or time. Write 2027-01-31 or 2027-01-31T12:00:00Z.", ctx, param
        ) from None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
