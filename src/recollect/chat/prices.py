"""What a reply cost: tokens as the provider counts them, money by its price list."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ..model import Usage

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.usage import RequestUsage


def usage_of(response: ModelResponse) -> Usage | None:
    """Tokens and cost of one call of the model; None when the provider told nothing.

    The cost is what the provider billed, where it says so, else the tokens at the prices of
    genai-prices, and None where there is no price: never 0 for what is not known. At a server named by
    its address that is the price of who runs it, if known, else OpenAI's for models of OpenAI's names.
    """
    spent = response.usage
    if not spent.has_values():
        return None
    return Usage(
        input_tokens=spent.input_tokens,
        output_tokens=spent.output_tokens,
        cached_tokens=spent.cache_read_tokens,
        reasoning_tokens=_thought(spent),
        cost_usd=_billed(response) or spent.cost,
    )


def _thought(spent: RequestUsage) -> int:
    """Tokens of reasoning, by the name that the provider has for them."""
    found = (spent.details.get(name) for name in ("reasoning_tokens", "thinking_tokens", "thoughts_tokens"))
    return spent.output_reasoning_tokens or next((tokens for tokens in found if tokens), 0)


def _billed(response: ModelResponse) -> Decimal | None:
    """The cost that OpenRouter and the like state in dollars."""
    cost = (response.provider_details or {}).get("cost")
    if not isinstance(cost, int | float | str | Decimal) or isinstance(cost, bool):
        return None
    try:
        amount = Decimal(str(cost))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount > 0 else None
