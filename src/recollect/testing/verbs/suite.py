"""All store tests together, for the synchronous and the asynchronous store."""

from __future__ import annotations

from .attributes import AttributeVerbs
from .branching import BranchingVerbs, ConflictVerbs
from .confining import ConfiningVerbs, TransferVerbs
from .editing import EditingVerbs
from .erasing import ErasingVerbs
from .forking import ForkingVerbs
from .history import HistoryVerbs, UndoVerbs
from .lists import ListVerbs
from .merging import MergingVerbs, TogetherVerbs
from .messages import MessageVerbs
from .retention import CleanupVerbs, ExpiryVerbs
from .saving import SavingVerbs
from .search import SearchVerbs
from .sessions import SessionVerbs
from .sharing import SharingVerbs
from .tagging import TaggingVerbs
from .toolcalls import ToolCallVerbs
from .transacting import TransactionVerbs

__all__ = ["AsyncStoreSuite", "StoreSuite"]


class StoreSuite(
    SessionVerbs,
    MessageVerbs,
    AttributeVerbs,
    ListVerbs,
    SavingVerbs,
    SearchVerbs,
    SharingVerbs,
    ConfiningVerbs,
    TransferVerbs,
    HistoryVerbs,
    UndoVerbs,
    EditingVerbs,
    ErasingVerbs,
    BranchingVerbs,
    ConflictVerbs,
    ForkingVerbs,
    MergingVerbs,
    TogetherVerbs,
    TaggingVerbs,
    CleanupVerbs,
    ExpiryVerbs,
    ToolCallVerbs,
    TransactionVerbs,
):
    """Every verb of ``Store`` and ``Session`` over an engine."""


class AsyncStoreSuite(StoreSuite):
    """The same through ``AsyncStore`` and ``AsyncSession``."""

    asynchronous = True
