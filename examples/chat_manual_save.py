"""A conversation that is stored only when you say so: ``python examples/chat_manual_save.py [MODEL]``."""

import sys

import recollect

MODEL = sys.argv[1] if len(sys.argv) > 1 else "echo"


def main() -> None:
    with recollect.Store("sqlite:///chats.db") as store:
        draft = recollect.Chat("draft", store=store, model=MODEL, auto_save=False)
        draft.send("An idea that may be worth keeping.")
        print("stored before save():", store.exists("draft"))

        draft.save()  # raises a StoreError where the store does not take it
        print("stored after save():", store.get("draft").info.message_count, "messages")

        draft.send("A second thought that is not worth it.")
        draft.load()  # back to what is stored
        print("after load():", draft.message_count, "messages")

        draft.delete()
        draft.close()
        print("stored after delete():", store.exists("draft"))


if __name__ == "__main__":
    main()
