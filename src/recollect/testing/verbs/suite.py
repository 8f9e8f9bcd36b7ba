"""All store tests together, for the synchronous and the asynchronous store."""

from __future__ import annotations

from .attributes import AttributeVerbs
from .confining import ConfiningVerbs, TransferVerbs
from .lists import ListVerbs
from .messages import MessageVerbs
from .saving import SavingVerbs
from .search import SearchVerbs
from .sessions import SessionVerbs
from .sharing import SharingVerbs

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
):
    """Every verb of ``Store`` and ``Session`` over an engine."""


class AsyncStoreSuite(StoreSuite):
    """The same through ``AsyncStore`` and ``AsyncSession``."""

    asynchronous = True
