"""``recollect verify, stats, reindex``: how the store is."""

from __future__ import annotations

import click

from .app import App, pass_app
from .codes import CORRUPT
from .escape import one_line, safe
from .figures import counted, size
from .grammar import Command
from .naming import session_argument


@click.command(cls=Command, epilog="Example: recollect verify @last", short_help="Check every record.")
@session_argument(required=False)
@click.pass_context
@pass_app
def verify(app: App, context: click.Context, reference: str | None) -> None:
    """Check every record of a session, or of all: exit code 6 if anything is wrong."""
    with app.opened() as store:
        report = store.verify(None if reference is None else store.resolve(reference))
    findings = [{"place": finding.place, "problem": finding.problem} for finding in report.findings]
    counts = {
        "sessions": report.sessions,
        "records": report.records,
        "messages": report.messages,
        "blobs": report.blobs,
    }
    if app.mode != "text":
        app.document({**counts, "findings": findings})
    else:
        for name, count in counts.items():
            app.data(f"{name:10} {count:>12,}")
        for finding in findings:
            app.data(f"{one_line(finding['place'])}: {one_line(finding['problem'])}")
        app.say(f"{counted(len(findings), 'finding')}." if findings else "Nothing is wrong.")
    if findings:
        context.exit(CORRUPT)


@click.command(cls=Command, epilog="Example: recollect stats")
@pass_app
def stats(app: App) -> None:
    """Count what the store holds."""
    with app.opened() as store:
        figures = store.stats()
        engine = store.capabilities.name
    counts = {
        "sessions": figures.sessions,
        "trashed": figures.trashed,
        "records": figures.records,
        "messages": figures.messages,
        "blobs": figures.blobs,
        "unindexed": figures.unindexed,
    }
    sizes = {"body_bytes": figures.body_bytes, "stored_bytes": figures.stored_bytes}
    if app.mode != "text":
        app.document({"engine": engine, **counts, **sizes})
        return
    app.data(f"{'engine':10} {safe(engine):>12}")
    for name, count in counts.items():
        app.data(f"{name:10} {count:>12,}")
    app.data(f"{'content':10} {size(figures.body_bytes):>12}")
    app.data(f"{'stored':10} {size(figures.stored_bytes):>12}")


@click.command(cls=Command, epilog="Example: recollect reindex")
@pass_app
def reindex(app: App) -> None:
    """Build the search index anew."""
    with app.opened() as store:
        counts = store.reindex()
    if app.mode != "text":
        app.document(counts)
    else:
        app.say(
            f"Indexed {counted(counts['messages'], 'message')} of {counted(counts['sessions'], 'session')}."
        )
