"""One store for many users: ``python examples/chat_many_users.py [MODEL]``.

Each user has a namespace. Nothing leads out of it: no id, no search, no recall.
"""

import sys

import recollect

MODEL = sys.argv[1] if len(sys.argv) > 1 else "echo"


def say(store: recollect.Store, user: str, text: str) -> str:
    """One turn of a user's conversation, as a request handler would play it."""
    with recollect.Chat("main", store=store.namespace(user), model=MODEL) as chat:
        return chat.send(text).text


def main() -> None:
    with recollect.Store("sqlite:///users.db") as store:
        for user, text in [
            ("alice", "My secret is fennel."),
            ("bob", "I like oranges."),
            ("alice", "Where were we?"),
        ]:
            print(f"{user}: {say(store, user, text)}")

        for user in store.namespaces():
            mine = store.namespace(user)
            print(f"{user} has {mine.get('main').info.message_count} messages", end=", ")
            print(f"{len(mine.search('fennel', role='user'))} of their own about fennel")


if __name__ == "__main__":
    main()
