"""Models by name: what ``model=`` and ``--model`` take."""

from __future__ import annotations

from typing import Any, cast

from ..errors import ConfigError
from .echo import Echo
from .events import Engine
from .script import Script

PROVIDERS = ("openai", "anthropic", "google", "openrouter", "ollama")
"""Who runs models, as named before the colon."""

_HINT = (
    "Write PROVIDER:NAME, such as openai:gpt-5-mini, with one of "
    f"{', '.join(PROVIDERS)}; or echo or script:FILE, which need no key."
)


def engine(spec: object, **options: Any) -> Engine:
    """The model that ``spec`` names.

    ``spec`` is ``"echo"``, ``"script:FILE"``, ``"PROVIDER:NAME"`` with a provider of ``PROVIDERS``,
    ``"openai:NAME@BASE_URL"`` for any server that speaks OpenAI's language, a model object of
    pydantic-ai, or an engine, which is returned as it is.

    Options for ``echo``: ``delay``, seconds between words. For providers: ``api_key``, ``base_url``,
    ``settings`` (a dict: ``temperature``, ``max_tokens`` …), ``retries`` (how often a call that failed
    before its first word is made again).

    A key that is not given comes from the provider's environment variable, such as ``OPENAI_API_KEY``;
    for a server named by its address from ``RECOLLECT_API_KEY``, and without that none is sent.
    ``OPENAI_BASE_URL`` and ``OLLAMA_BASE_URL`` move a provider, together with its key.

    Raises ConfigError for what names no model, ModelAccessError where the key is missing,
    MissingExtraError without the extra ``chat``, NotFoundError for a script that is not there.
    """
    if not isinstance(spec, str):
        if callable(getattr(spec, "play", None)):
            _no_more(options, "An engine")
            return cast(Engine, spec)
        from .providers import wrapped

        return wrapped(spec, **options)
    if spec == "echo":
        delay = options.pop("delay", 0.0)
        _no_more(options, "echo")
        return Echo(delay)
    kind, _, name = spec.partition(":")
    if kind == "script" and name:
        _no_more(options, "script")
        return Script.load(name)
    if kind not in PROVIDERS or not name:
        raise ConfigError(f"{spec!r} names no model.", hint=_HINT)
    from .providers import connected

    return connected(kind, name, **options)


def _no_more(options: dict[str, Any], kind: str) -> None:
    if options:
        raise ConfigError(f"{kind} takes no option {', '.join(sorted(options))}.")
