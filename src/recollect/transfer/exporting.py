"""A session out of a store: as text, into a file, or into an open stream."""

from __future__ import annotations

from ..core.base import Core, Handle
from ..core.log import blobs_of, entries
from ..core.sessions import get_session
from ..errors import UnsupportedError
from ..formats import LOGS, NATIVE, export_formats, own_jsonl, writer
from .destinations import Destination, Put, deliver
from .native import native_file
from .selecting import Selection, select

WHOLE = (*LOGS, NATIVE)
"""Formats of which there is no part."""


async def export_session(
    core: Core,
    session_id: str,
    format: str,  # the field's word
    to: Destination | None,
    selection: Selection,
) -> str | bytes | None:
    """A session in a format: returned without ``to``, else written to that path or stream.

    ``json`` and ``jsonl`` hold the whole log and come back byte for byte; the others hold a line of
    messages, the active one unless ``selection`` names another.
    """
    check_format(format, selection)
    handle = await get_session(core, session_id)

    async def fill(put: Put) -> None:
        await write_session(core, handle, format, selection, put)

    return await deliver(to, fill)


def check_format(format: str, selection: Selection) -> None:
    """Refuse what cannot be: unknown formats, and a part of what is whole or nothing."""
    if format not in export_formats():
        raise UnsupportedError(
            f"There is no format {format!r} to export to.", hint=f"There are {', '.join(export_formats())}."
        )
    selection.check()
    if format in WHOLE and selection.given():
        others = [name for name in export_formats() if name not in WHOLE]
        raise UnsupportedError(
            f"{format} holds the whole of a session: {', '.join(selection.given())} cannot be applied.",
            hint=f"These formats hold a part of it: {', '.join(others)}.",
        )


async def write_session(
    core: Core, handle: Handle, format: str, selection: Selection, put: Put, *, again: bool = False
) -> None:
    """One session; ``again``: another one stands before it in the same file."""
    if format == NATIVE:
        async for piece in (await native_file(core, handle.key.session_id)).pieces:
            put(piece)
        return
    if format in LOGS:
        await _write_log(core, handle, put, one_document=format == "json")
        return
    info, messages = await select(core, handle, selection)
    module = writer(format)
    write = getattr(module, "write_next", module.write) if again else module.write
    write(info, messages, put)


async def _write_log(core: Core, handle: Handle, put: Put, *, one_document: bool) -> None:
    """Every record up to the version at which the export began, each blob before its first use."""
    put(own_jsonl.header_text(handle.state.info.to_dict()))
    put(',"log":[' if one_document else "}\n")
    told: set[str] = set()
    before, after = ("\n", "") if one_document else ("", "\n")
    async for entry in entries(core, handle.key, handle.state.version):
        for digest, content in (await blobs_of(core, handle.key, entry)).items():
            if digest not in told:
                told.add(digest)
                put(f"{before}{own_jsonl.blob_text(digest, content)}{after}")
                before = ",\n" if one_document else ""
        put(f"{before}{own_jsonl.record_text(entry.seq, entry.kind, entry.parent, entry.body)}{after}")
        before = ",\n" if one_document else ""
    if one_document:
        put("\n]}\n")
