"""What goes wrong at a provider, as errors of recollect."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_ai import exceptions as ai

from ..errors import ChatError, ModelAccessError, ModelLimitError, ModelUnavailableError

_LONGEST = 300
"""Characters of a provider's own words in a message."""

_NETWORK = {"httpx", "httpx2", "httpcore", "httpcore2", "anyio"}
"""Whose errors, where they come through, are about the connection."""


class Failures:
    """Turns exceptions of one model's into ``ChatError``; ``secrets`` never appear in them."""

    def __init__(self, who: str, key: str | None, secrets: Iterable[str] = ()) -> None:
        self._who = who
        self._key = key
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)

    def told(self, error: Exception) -> tuple[ChatError, Exception | None]:
        """The error to raise in the place of ``error``, and its cause: ``error``, unless that shows a
        secret."""
        return self._classified(error), None if self._shows_secret(error) else error

    def _classified(self, error: Exception) -> ChatError:
        status = getattr(error, "status_code", None)
        words = self._words(error)
        match error:
            case ai.ModelAuthenticationError():
                return ModelAccessError(
                    f"{self._who} refused the API key{words}", status=status, hint=self._key
                )
            case ai.ModelQuotaExceededError():
                return ModelAccessError(f"{self._who} says that the quota is spent{words}", status=status)
            case ai.ModelRateLimitError():
                after = error.retry_after
                hint = "Try again later." if after is None else f"Try again in {after:g} s."
                return ModelLimitError(
                    f"{self._who} takes no more requests for now{words}",
                    status=status,
                    retry_after=after,
                    hint=hint,
                )
            case ai.ModelContextWindowExceededError():
                return ChatError(
                    f"The conversation is too long for {self._who}{words}",
                    status=status,
                    hint="Bound what is sent: context=Window(tokens=…).",
                )
            case ai.ModelTimeoutError() | ai.ModelRequestTimeout():
                return ModelUnavailableError(f"{self._who} did not answer in time{words}", status=status)
            case ai.ModelConnectionError():
                return ModelUnavailableError(f"The connection to {self._who} failed{words}", status=status)
            case ai.ModelUnavailableError() | ai.ModelServerError():
                return ModelUnavailableError(f"{self._who} failed{_http(status)}{words}", status=status)
            case ai.ModelAPIError() if status is not None:
                return ChatError(f"{self._who} refused the request{_http(status)}{words}", status=status)
            case ai.ModelAPIError() | ai.UnexpectedModelBehavior():
                return ChatError(f"{self._who} gave an answer that makes no sense{words}")
        if _of_network(error) or isinstance(error, OSError):
            return ModelUnavailableError(f"The connection to {self._who} failed{words}")
        return ChatError(f"{self._who} could not be asked{words}")

    def _words(self, error: Exception) -> str:
        """The provider's own words in one line, or the full stop in their place."""
        said = ""
        if isinstance(error, ai.ModelAPIError):
            said = _message_in(error.body) or error.message
        elif isinstance(error, ai.AgentRunError):
            said = error.message.partition("\n")[0]  # further lines quote what the model wrote
        elif isinstance(error, ai.UserError | OSError) or _of_network(error):
            said = str(error)
        text = " ".join(self._clean(said).split())
        if not text:
            return f" ({type(error).__name__})."
        return f": {text[:_LONGEST]}{'…' if len(text) > _LONGEST else '' if text.endswith('.') else '.'}"

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return re.sub(r"//[^/\s@]+@", "//", text)

    def _shows_secret(self, error: BaseException) -> bool:
        seen: set[int] = set()
        at: BaseException | None = error
        while at is not None and id(at) not in seen:
            seen.add(id(at))
            if any(secret in f"{at} {at.args} {getattr(at, 'body', '')}" for secret in self._secrets):
                return True
            at = at.__cause__ or at.__context__
        return False


def _of_network(error: Exception) -> bool:
    return type(error).__module__.partition(".")[0] in _NETWORK


def _http(status: int | None) -> str:
    return "" if status is None else f" (HTTP {status})"


def _message_in(body: Any) -> str | None:
    """The message in a provider's error, which is an object of one or two levels."""
    if isinstance(body, Mapping):
        found = body.get("message") or _message_in(body.get("error"))
        return found if isinstance(found, str) else None
    return None
