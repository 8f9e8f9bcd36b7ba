"""The file that a repair moves damaged records into."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import TracebackType

from ..core.base import Core
from ..core.repairing import RepairReport, repair
from ..errors import AccessError


async def repair_into(
    core: Core, session_id: str | None, quarantine: str | os.PathLike[str] | None
) -> RepairReport:
    """Repair, with ``quarantine`` (or a new file in the current folder) for what is moved aside."""
    if quarantine is None:
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        quarantine = os.path.abspath(f"recollect-quarantine-{moment}.jsonl")
    with _Lines(os.fspath(quarantine)) as lines:
        return await repair(core, session_id, lines.add, lines.path)


class _Lines:
    """Lines appended to a file that only its owner may read, made when the first one comes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file: int | None = None

    def add(self, line: bytes) -> None:
        """Append a line; durable on return."""
        try:
            if self._file is None:
                flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
                self._file = os.open(self.path, flags, 0o600)
            view = memoryview(line + b"\n")
            while view:
                view = view[os.write(self._file, view) :]
            os.fsync(self._file)
        except OSError as error:
            raise AccessError(
                f"The quarantine file {self.path} cannot be written: {error.strerror}. Nothing was changed.",
                hint="Name another file with quarantine=.",
            ) from error

    def __enter__(self) -> _Lines:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)
