"""A conversation that goes on where it ended: run ``python examples/chat_persistent.py [MODEL]`` twice.

Each run is a process of its own; the second one knows what was said in the first. Delete
``chats.db`` of the current folder to start anew.
"""

import sys

import recollect

MODEL = sys.argv[1] if len(sys.argv) > 1 else "echo"


def main() -> None:
    with (
        recollect.Store("sqlite:///chats.db") as store,
        recollect.Chat("user-alice", store=store, model=MODEL) as chat,
    ):
        if chat.message_count == 0:
            print("We have not met.")
            print(chat.send("My name is Alice. I grow fennel.").text)
            print("Run me again.")
        else:
            print(f"Welcome back: {chat.message_count} messages so far.")
            print(chat.send("What is my name?").text)


if __name__ == "__main__":
    main()
