"""All backend contracts together."""

from __future__ import annotations

from .amending import AmendingContract
from .blobs import BlobContract
from .commits import CommitContract
from .counting import FiguresContract
from .erasing import ErasingContract
from .finding import FindingContract
from .lifecycle import LifecycleContract
from .naming import NamingContract
from .racing import RaceContract
from .reading import ReadingContract
from .searching import SearchContract
from .transactions import TransactionContract

__all__ = ["BackendSuite"]


class BackendSuite(
    CommitContract,
    ReadingContract,
    FindingContract,
    NamingContract,
    BlobContract,
    AmendingContract,
    ErasingContract,
    FiguresContract,
    TransactionContract,
    RaceContract,
    SearchContract,
    LifecycleContract,
):
    """Everything an engine has to prove; see ``recollect.testing`` for how to run it."""
