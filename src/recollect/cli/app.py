"""What every command knows: the global options, where its output goes, and the store."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import click

from .escape import json_text, safe

if TYPE_CHECKING:
    from .. import Store
    from ..config import Settings

Mode = Literal["text", "json", "jsonl"]


@dataclass
class App:
    """The global options of one run."""

    store: str | None = None
    namespace: str | None = None
    config: str | None = None
    mode: Mode = "text"
    no_color: bool = False
    no_pager: bool = False
    quiet: bool = False

    # The store

    def settings(self) -> Settings:
        """Flags, environment and files taken together. Raises ConfigError."""
        from ..config import load_settings

        return load_settings(store=self.store, namespace=self.namespace, config=self.config)

    @contextmanager
    def opened(self, *, readonly: bool = False) -> Iterator[Store]:
        """The store, open. What it warns of becomes talk. If the configuration says ``auto``, what has
        grown too old goes first."""
        settings = self.settings()
        with self._opened(settings, readonly) as store:
            if not readonly:
                self._clean(store, settings)
            yield store

    @contextmanager
    def writing(self) -> Iterator[Store]:
        """The store, open for a command that changes it. What has grown too old goes afterwards: not
        before, or what one is about to pin or restore were gone."""
        settings = self.settings()
        with self._opened(settings, readonly=False) as store:
            yield store
            self._clean(store, settings)

    def _clean(self, store: Store, settings: Settings) -> None:
        if settings.retention.auto:
            from .cleanup import clean_by_itself

            clean_by_itself(self, store, settings.retention)

    @contextmanager
    def _opened(self, settings: Settings, readonly: bool) -> Iterator[Store]:
        from .. import Store

        place, namespace = settings.store, settings.namespace
        with self.warning_aloud(), Store(place, namespace=namespace, readonly=readonly) as store:
            yield store

    @contextmanager
    def warning_aloud(self) -> Iterator[None]:
        """Around what opens stores: their warnings become talk."""
        from .. import StoreWarning

        with warnings.catch_warnings():
            warnings.simplefilter("always", StoreWarning)
            warnings.showwarning = lambda message, *_, **__: self.say(f"Warning: {message}")
            yield

    # Data, to stdout

    @property
    def terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return self.mode == "text" and sys.stdout.isatty()

    @property
    def color(self) -> bool:
        """Whether stdout takes colours."""
        wanted = not self.no_color and not os.environ.get("NO_COLOR")
        return wanted and sys.stdout.isatty() and os.environ.get("TERM") not in ("dumb", None)

    def data(self, text: str = "") -> None:
        """A line of data. It must be safe for terminals already."""
        sys.stdout.write(text + "\n")

    def document(self, value: Any) -> None:
        """One JSON document: indented for people, on one line for programs."""
        indent = 2 if self.mode == "json" and sys.stdout.isatty() else None
        self.data(json_text(value, indent=indent))

    def items(self, values: Iterable[Any]) -> None:
        """JSON values, one a line."""
        for value in values:
            self.data(json_text(value))

    # Talk, to stderr

    def say(self, text: str) -> None:
        """A remark for a person, made safe; silent with --quiet."""
        if not self.quiet:
            self.complain(text)

    def complain(self, text: str) -> None:
        """What must be said even with --quiet."""
        sys.stdout.flush()
        click.echo(safe(text), err=True)

    def say_next(self, cursor: str | None) -> None:
        """How to see the rest of a list, if there is one."""
        if cursor is not None:
            self.say(f"There are more. Raise --limit, or go on with\n--cursor {cursor}")


pass_app = click.make_pass_decorator(App, ensure=True)
