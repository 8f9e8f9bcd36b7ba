"""How a chat tells that something happened beside the conversation: events, warnings, the log."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable

from ..errors import ChatWarning
from .replies import ChatEvent

log = logging.getLogger("recollect.chat")
OnEvent = Callable[[ChatEvent], None]


class Teller:
    """Passes events on to ``on_event`` and issues warnings; neither can stop the conversation."""

    def __init__(self, on_event: OnEvent | None) -> None:
        self._on_event = on_event

    def event(self, event: ChatEvent) -> None:
        """Tell an event."""
        if self._on_event is None:
            return
        try:
            self._on_event(event)
        except Exception:
            log.exception("on_event failed with an event of kind %s", event.kind)

    def warn(self, event: ChatEvent) -> None:
        """Tell an event, and warn of it."""
        self.event(event)
        try:
            warnings.warn(event.text, ChatWarning, stacklevel=2)
        except ChatWarning:  # warnings are errors here; raised in the background, it would reach nobody
            log.warning("%s", event.text)
