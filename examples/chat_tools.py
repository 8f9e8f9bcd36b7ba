"""A model that uses your functions: ``python examples/chat_tools.py [MODEL]``.

A tool is a plain or async function: its name, signature and docstring tell the model what it is for.
Without a model this plays ``chat_tools.json``, a script of what a model might answer. Calls and
answers are stored as they happen.
"""

import sys
from pathlib import Path

import recollect

SCRIPT = Path(__file__).with_name("chat_tools.json")
MODEL = sys.argv[1] if len(sys.argv) > 1 else f"script:{SCRIPT}"


def temperature(city: str) -> dict[str, object]:
    """The temperature in a city now, in degrees Celsius."""
    return {"city": city, "celsius": {"Oslo": 4, "Rome": 19}[city]}


async def warmer(a: float, b: float) -> float:
    """How many degrees ``a`` is warmer than ``b``."""
    return a - b


def main() -> None:
    with (
        recollect.Store("sqlite:///chats.db") as store,
        recollect.Chat(store=store, model=MODEL, tools=[temperature, warmer]) as chat,
    ):
        reply = chat.send("How much warmer is it in Rome than in Oslo?", max_iterations=5)
        for step in reply.steps:
            if step.kind == "action":
                print(f"{step.name}({step.arguments})")
            elif step.kind == "observation":
                print(f"  {step.result}")
        print(reply.text if reply.success else f"No answer: {reply.reason}.")
        print([message.role for message in chat.session.messages()])


if __name__ == "__main__":
    main()
