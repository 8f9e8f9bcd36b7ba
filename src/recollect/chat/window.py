"""How much of a conversation a model is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..errors import InvalidError
from ..model import Message, Part, ReasoningPart, TextPart, ToolCallPart, ToolCallResponsePart

CHARACTERS_A_TOKEN = 4
TOKENS_A_MESSAGE = 4
TOKENS_A_FILE = 1000
_PROMPTS = ("system", "developer")


@dataclass(frozen=True)
class Window:
    """The newest messages of a conversation: at most ``messages`` of them, or about ``tokens`` tokens.

    The system prompt is always sent, and counts (as does what the line begins with of role ``system``
    or ``developer``); so is the newest message, even alone over the bound. A tool call is never split
    from its answers, and what is shown begins with a message of the user's: where the bound falls
    inside a turn, that turn's first message is kept and what came right behind it is left out.
    Tokens are estimated, four characters each and 1,000 for an image or a file; ``counter``
    (message → tokens) counts them better.
    """

    messages: int | None = None
    tokens: int | None = None
    counter: Callable[[Message], int] | None = None

    def __post_init__(self) -> None:
        for name, value in (("messages", self.messages), ("tokens", self.tokens)):
            if value is not None and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise InvalidError(f"Window({name}=) takes a whole number from 1, not {value!r}.")
        if self.messages is None and self.tokens is None:
            raise InvalidError("A Window takes messages= or tokens=, or both.")

    def fit(self, line: Sequence[Message], system: str | None = None) -> list[Message]:
        """The part of a line that is shown; each answer stands directly behind its call there."""
        prompts = next((n for n, m in enumerate(line) if m.role not in _PROMPTS), len(line))
        head, line = list(line[:prompts]), line[prompts:]
        openers = _openers(line)
        spent = sum(map(self._cost, head)) + (self._cost(Message.system(system)) if system else 0)
        chosen: list[Message] = []
        for first, behind in reversed(list(_groups(line))):
            spent += sum(map(self._cost, line[first:behind]))
            opener = openers[first]
            opening = [] if opener is None or opener == first else [line[opener]]
            count = len(head) + len(opening) + len(line) - first
            if chosen and not self._allows(count, spent + sum(map(self._cost, opening))):
                break
            chosen = [*opening, *line[first:]] if opening else list(line[first:])
        return head + chosen

    def _allows(self, count: int, spent: int) -> bool:
        by_count = self.messages is None or count <= self.messages
        return by_count and (self.tokens is None or spent <= self.tokens)

    def _cost(self, message: Message) -> int:
        if self.tokens is None:
            return 0
        return self.counter(message) if self.counter is not None else estimated_tokens(message)


def _groups(line: Sequence[Message]) -> Iterator[tuple[int, int]]:
    """The pieces that stay whole, as (first, behind): a message with the tools' answers behind it."""
    first = 0
    for place in range(1, len(line) + 1):
        if place == len(line) or line[place].role != "tool":
            yield first, place
            first = place


def _openers(line: Sequence[Message]) -> list[int | None]:
    """For each message the place of the user's message that its turn began with."""
    found: list[int | None] = []
    newest: int | None = None
    for place, message in enumerate(line):
        if message.role == "user":
            newest = place
        found.append(newest)
    return found


def estimated_tokens(message: Message) -> int:
    """About how many tokens a message has."""
    return TOKENS_A_MESSAGE + sum(map(_tokens_of, message.parts))


def _tokens_of(part: Part) -> int:
    if isinstance(part, TextPart | ReasoningPart):
        length = len(part.content)
    elif isinstance(part, ToolCallPart):
        length = len(part.name) + len(str(part.arguments))
    elif isinstance(part, ToolCallResponsePart):
        length = len(str(part.response))
    else:
        return TOKENS_A_FILE
    return -(-length // CHARACTERS_A_TOKEN)
