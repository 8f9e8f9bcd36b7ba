"""Models of providers: which there are, what they are called, and what they need.

pydantic-ai and the providers' own packages are loaded here at first use only.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ..errors import ConfigError, MissingExtraError, ModelAccessError
from .events import Engine

if TYPE_CHECKING:
    from pydantic_ai.models import Model

KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "openrouter": ("OPENROUTER_API_KEY",),
    "ollama": ("OLLAMA_API_KEY",),
}
"""Provider → the environment variables that may hold its key."""

OTHER_KEY = "RECOLLECT_API_KEY"
"""Holds the key for a server named by its address: no provider's own key is ever sent to another."""

NO_KEY = "none"
"""Sent where there is no key to send: else a provider's package would take its own from the environment."""

COMPATIBLE = "openai-compatible"
"""What a server that speaks OpenAI's language is called in messages that it wrote."""

_OLLAMA = "http://localhost:11434/v1"


def connected(
    provider: str,
    name: str,
    *,
    api_key: str | None = None,
    base_url: str | None = None,
    settings: Mapping[str, Any] | None = None,
    retries: int | None = None,
) -> Engine:
    """A provider's model, ready to be asked. See ``engines.engine``."""
    name, address = _split(name)
    base_url = _checked(base_url or address) or _configured(provider)
    try:
        from .running import ModelEngine

        key = api_key or _key(provider, elsewhere=_elsewhere(provider, base_url))
        model = _model(provider, name, key, base_url)
    except ImportError as error:
        raise missing(error) from error
    called = f"{name}@{base_url}" if base_url and provider == "openai" else name
    return ModelEngine(
        model,
        provider,
        called,
        settings=_settings(settings, retries),
        key_hint=_hint(provider, elsewhere=_elsewhere(provider, base_url)),
        secrets=() if key == NO_KEY else (key,),
    )


def wrapped(
    model: object, *, settings: Mapping[str, Any] | None = None, retries: int | None = None
) -> Engine:
    """A model object of pydantic-ai's as an engine; it holds its own key."""
    try:
        from pydantic_ai.models import Model

        from .running import ModelEngine
    except ImportError as error:
        raise missing(error) from error
    if not isinstance(model, Model):
        raise ConfigError(
            f"A model is a name, an engine, or a model object of pydantic-ai, not {type(model).__name__}."
        )
    return ModelEngine(model, model.system, model.model_name, settings=_settings(settings, retries))


def missing(error: ImportError) -> MissingExtraError:
    """What to raise when a package of the extra ``chat`` is not there."""
    package = (error.name or "").partition(".")[0].replace("_", "-") or "pydantic-ai"
    return MissingExtraError(
        f"Models of providers need {package}, which is not installed.",
        hint="pip install 'recollect[chat]' brings it; the models echo and script:FILE need nothing.",
    )


def _split(name: str) -> tuple[str, str | None]:
    """``NAME@http://…`` as name and address."""
    for scheme in ("@https://", "@http://"):
        before, found, _ = name.partition(scheme)
        if found and before:
            return before, name[len(before) + 1 :]
    return name, None


def _checked(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        parts = urlsplit(url)
        whole = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or True)
    except ValueError:
        whole = False
    if not whole:
        raise ConfigError("base_url must be an address such as http://localhost:8000/v1.")
    if parts.username or parts.password:
        raise ConfigError("base_url must not hold a name or password.", hint=f"Set {OTHER_KEY} to the key.")
    return url


def _configured(provider: str) -> str | None:
    """The address that the provider's own environment variable gives."""
    if provider == "openai":
        url = os.environ.get("OPENAI_BASE_URL")
        return None if not url or urlsplit(url).hostname == "api.openai.com" else _checked(url)
    if provider == "ollama":
        return _checked(os.environ.get("OLLAMA_BASE_URL") or _OLLAMA)
    return None


def _elsewhere(provider: str, base_url: str | None) -> bool:
    """Whether the address is not the provider's own, nor the one that its variable names."""
    return base_url is not None and base_url != _configured(provider)


def _key(provider: str, *, elsewhere: bool) -> str:
    names = (OTHER_KEY,) if elsewhere else KEYS[provider]
    key = next((os.environ[name] for name in names if os.environ.get(name)), None)
    if key is None and not elsewhere and provider != "ollama" and not _configured(provider):
        raise ModelAccessError(
            f"There is no API key for {provider}: set {names[0]}, or try --model echo, which needs none."
        )
    return key or NO_KEY


def _hint(provider: str, *, elsewhere: bool) -> str:
    return f"It is taken from {OTHER_KEY if elsewhere else ' or '.join(KEYS[provider])}."


def _model(provider: str, name: str, key: str, base_url: str | None) -> Model:
    if provider == "openai" and base_url:
        from pydantic_ai.models.openai import OpenAIChatModel
        from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

        return OpenAIChatModel(
            name, provider=OpenAICompatibleProvider(COMPATIBLE, base_url=base_url, api_key=key)
        )
    if provider == "openai":
        from pydantic_ai.models.openai import OpenAIResponsesModel
        from pydantic_ai.providers.openai import OpenAIProvider

        return OpenAIResponsesModel(name, provider=OpenAIProvider(api_key=key))
    if provider == "anthropic":
        from pydantic_ai.models.anthropic import AnthropicModel
        from pydantic_ai.providers.anthropic import AnthropicProvider

        return AnthropicModel(name, provider=AnthropicProvider(api_key=key, base_url=base_url))
    if provider == "google":
        from pydantic_ai.models.google import GoogleModel
        from pydantic_ai.providers.google import GoogleProvider

        return GoogleModel(name, provider=GoogleProvider(api_key=key, base_url=base_url))
    if provider == "ollama":
        from pydantic_ai.models.ollama import OllamaModel
        from pydantic_ai.providers.ollama import OllamaProvider

        return OllamaModel(name, provider=OllamaProvider(base_url=base_url, api_key=key))
    return _openrouter(name, key, base_url)


def _openrouter(name: str, key: str, base_url: str | None) -> Model:
    if base_url is not None:
        raise ConfigError(
            "openrouter has one address.",
            hint=f"Write openai:{name}@{base_url} for a server that speaks as it does.",
        )
    from pydantic_ai.models.openrouter import OpenRouterModel
    from pydantic_ai.providers.openrouter import OpenRouterProvider

    return OpenRouterModel(name, provider=OpenRouterProvider(api_key=key))


def _settings(settings: Mapping[str, Any] | None, retries: int | None) -> dict[str, Any]:
    return {**(settings or {}), **({} if retries is None else {"max_retries": retries})}
