"""docs/reference/urls-and-configuration.md."""

from __future__ import annotations

import inspect
import json

from recollect import urls
from recollect.config import retention, settings

from . import source
from .writing import block, page, table

OPTIONS = {
    "namespace": "The part of the store to work in. Default: `default`.",
    "durability": "`full` (default): what was acknowledged survives a power cut. `relaxed`: it survives the"
    " death of the process, but the newest commits can be lost in a power cut.",
    "timeout": "Seconds to wait for other writers before `BusyError`. Default: 30.",
}
VARIABLES = {
    "RECOLLECT_STORE": "The store's URL.",
    "RECOLLECT_NAMESPACE": "The namespace.",
    "RECOLLECT_MODEL": "The model that chats use, such as `openai:gpt-5-mini` or `echo`.",
    "RECOLLECT_CONFIG": "A configuration file to read instead of the usual ones.",
    "RECOLLECT_DEBUG": "With `1` the command line shows the traceback of an error.",
    "NO_COLOR": "Print no colours.",
    "PAGER": "The program that shows long output on a terminal.",
}


def addresses() -> str:
    """The page."""
    if set(OPTIONS) != set(urls._OPTIONS):
        raise LookupError(f"Describe exactly these URL options here: {sorted(urls._OPTIONS)}")
    if {f"RECOLLECT_{key.upper()}" for key in settings.KEYS} - set(VARIABLES):
        raise LookupError("Describe every RECOLLECT_ variable here.")
    return page(
        "URLs and configuration",
        "## Store URLs",
        source.markdown(inspect.cleandoc(urls.__doc__ or "")),
        table(["option", "meaning"], [[f"`{name}`", text] for name, text in OPTIONS.items()]),
        "Missing folders are created, for the owner alone (0700; files 0600). `%` and `?` in a path are"
        " written `%25` and `%3F`.",
        "## Which store is meant",
        source.markdown(inspect.cleandoc(settings.__doc__ or "")),
        block(
            '# recollect.toml\nstore = "sqlite:///chats.db"   # beside this file\nnamespace = "alice"', "toml"
        ),
        "`Store()` and `AsyncStore()` without a URL look in the same places. `recollect config show` says"
        " what is in force and where each value comes from; `recollect config path` prints where it is.",
        "## Retention",
        source.markdown(inspect.cleandoc(retention.__doc__ or "")),
        table(["key", "value", "default"], _retention()),
        "`auto` lets the command line clean up after a command that changed the store, and an `AsyncStore`"
        " that was opened without a URL every hour. `trash_days` is how long sessions stay in the trash then."
        " [How to clean up](../howto/clean-up.md) has examples.",
        "## Environment variables",
        table(["variable", "meaning"], [[f"`{name}`", text] for name, text in VARIABLES.items()]),
    )


def _retention() -> list[list[str]]:
    """The keys of the table with what they take and their defaults."""
    default = retention.Retention().to_dict()
    return [
        [f"`{name}`", what, "no limit" if default[name] is None else f"`{json.dumps(default[name])}`"]
        for name, (what, _) in retention._READERS.items()
    ]
