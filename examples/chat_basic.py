"""A conversation with a model that is kept: ``python examples/chat_basic.py [MODEL]``.

Without a model it talks to ``echo``, which needs no key and no network. What was said is in
``chats.db`` of the current folder.
"""

import sys

import recollect

MODEL = sys.argv[1] if len(sys.argv) > 1 else "echo"


def main() -> None:
    with (
        recollect.Store("sqlite:///chats.db") as store,
        recollect.Chat("basics", store=store, model=MODEL, system="You are brief.") as chat,
    ):
        reply = chat.send("My name is Alice.")
        print(reply.text)

        for piece in chat.stream("Tell me more."):
            print(piece, end="", flush=True)
        print()

        print(f"{chat.message_count} messages are kept as {chat.session_id!r}:")
        for message in chat.session.messages():
            print(f"  {message.role}: {message.text}")


if __name__ == "__main__":
    main()
