"""A conversation at a terminal: ``python examples/chat_interactive.py [MODEL] [SESSION]``.

The smallest loop that one would want: the past is shown, replies stream, Ctrl-C stops a reply and
keeps what came of it, Ctrl-D leaves. ``recollect chat`` does the same, and much more.
"""

import sys

import recollect

MODEL = sys.argv[1] if len(sys.argv) > 1 else "echo"
SESSION = sys.argv[2] if len(sys.argv) > 2 else "interactive"


def main() -> None:
    with (
        recollect.Store("sqlite:///chats.db") as store,
        recollect.Chat(SESSION, store=store, model=MODEL) as chat,
    ):
        for message in chat.session.messages(last=4):
            print(f"{message.role}: {message.text}")
        while (text := ask()) is not None:
            if not text.strip():
                continue
            try:
                for piece in chat.stream(text):
                    print(piece, end="", flush=True)
                print()
            except KeyboardInterrupt:
                print(" … stopped")
        print(f"Bye. {chat.message_count} messages are kept as {chat.session_id!r}.")


def ask() -> str | None:
    """The next line, None at the end."""
    try:
        return input("> ")
    except (EOFError, KeyboardInterrupt):
        print()
        return None


if __name__ == "__main__":
    main()
