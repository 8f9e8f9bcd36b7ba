"""``recollect verify, stats, reindex``: how the store is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from .app import App, pass_app
from .codes import CORRUPT
from .escape import one_line, safe
from .figures import counted, size
from .grammar import Command
from .naming import session_argument

if TYPE_CHECKING:
    from .. import Finding, RepairReport

COUNTED = 10_000
"""SQL engines count waiting messages up to here."""


@click.command(cls=Command, epilog="Example: recollect verify @last", short_help="Check every record.")
@session_argument(required=False)
@click.pass_context
@pass_app
def verify(app: App, context: click.Context, reference: str | None) -> None:
    """Check every record of a session, or of all: exit code 6 if anything is wrong."""
    with app.opened() as store:
        report = store.verify(None if reference is None else store.resolve(reference))
    findings = [_told(finding) for finding in report.findings]
    orphans = [_told(finding) for finding in report.orphans]
    counts = {
        "sessions": report.sessions,
        "records": report.records,
        "messages": report.messages,
        "blobs": report.blobs,
    }
    if app.mode != "text":
        app.document({**counts, "findings": findings, "orphans": orphans})
    else:
        for name, count in counts.items():
            app.data(f"{name:10} {count:>12,}")
        for found in [*findings, *orphans]:
            app.data(f"{one_line(found['place'])}: {one_line(found['problem'])}")
        app.say(
            f"{counted(len(findings), 'finding')}. What can be put right: recollect repair"
            if findings
            else "Nothing is wrong."
        )
        if orphans:
            app.say(
                f"{counted(len(orphans), 'tool call')} without an answer, as a crash leaves them: no damage."
            )
    if findings:
        context.exit(CORRUPT)


def _told(finding: Finding) -> dict[str, str]:
    return {"place": finding.place, "problem": finding.problem}


@click.command(
    cls=Command,
    epilog="Example: recollect repair @last --quarantine damaged.jsonl",
    short_help="Put right what verify found.",
)
@session_argument(required=False)
@click.option(
    "--quarantine",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Where what cannot be read goes; else a new file in this folder.",
)
@click.pass_context
@pass_app
def repair(app: App, context: click.Context, reference: str | None, quarantine: str | None) -> None:
    """Put right a session, or all: exit code 6 if something stays wrong.

    Nothing is deleted: records that cannot be read are moved into a file, byte for byte.
    """
    with app.opened() as store:
        report = store.repair(None if reference is None else store.resolve(reference), quarantine=quarantine)
    if app.mode != "text":
        app.document(report.to_dict())
    else:
        _tell_repaired(app, report)
    if report.unrepaired:
        context.exit(CORRUPT)


def _tell_repaired(app: App, report: RepairReport) -> None:
    for session_id in report.repaired:
        app.data(safe(session_id))
    for finding in report.unrepaired:
        app.data(f"{one_line(finding.place)}: {one_line(finding.problem)}")
    app.say(
        f"Looked at {counted(report.sessions, 'session')}, put right {len(report.repaired):,};"
        f" {counted(len(report.unrepaired), 'problem')} left."
    )
    if report.quarantine is not None:
        app.complain(f"{counted(report.quarantined, 'damaged record')} moved to {report.quarantine}.")


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
        more = " or more" if name == "unindexed" and count == COUNTED else ""
        app.data(f"{name:10} {count:>12,}{more}")
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
