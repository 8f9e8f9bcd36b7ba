"""A chat behind HTTP, with one store for all requests: ``python examples/chat_web.py [MODEL]``.

Needs starlette. Run like this it plays requests of many users at once against the application, without
a server. To serve it (needs uvicorn)::

    uvicorn --app-dir examples chat_web:app
    curl -N -H 'X-User: alice' -d 'Hello there' http://127.0.0.1:8000/chats/main
"""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from typing import Any

import recollect

try:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, StreamingResponse
    from starlette.routing import Route
except ImportError:
    sys.exit("This example needs starlette: pip install starlette uvicorn")

MODEL = os.environ.get("CHAT_MODEL", "echo")
STORE = os.environ.get("CHAT_STORE", "sqlite:///web.db")


@contextlib.asynccontextmanager
async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
    """One store for the whole process; every request gets it as ``request.state.store``."""
    async with recollect.AsyncStore(STORE) as store:
        yield {"store": store}


def store_of(request: Request) -> recollect.AsyncStore:
    """The part of the store that is the user's; put your authentication here."""
    store: recollect.AsyncStore = request.state.store
    return store.namespace(request.headers.get("x-user", "nobody"))


async def say(request: Request) -> StreamingResponse:
    """The body is what the user says; the reply streams back as it comes."""
    store, session_id = store_of(request), request.path_params["session_id"]
    text = (await request.body()).decode()

    async def pieces() -> AsyncIterator[str]:
        async with recollect.AsyncChat(session_id, store=store, model=MODEL) as chat:
            async for piece in chat.stream(text):
                yield piece

    return StreamingResponse(pieces(), media_type="text/plain; charset=utf-8")


async def show(request: Request) -> JSONResponse:
    """The conversation so far."""
    try:
        session = await store_of(request).get(request.path_params["session_id"])
    except recollect.NotFoundError as error:
        return JSONResponse({"error": error.message}, status_code=404)
    return JSONResponse([message.to_dict() for message in await session.messages()])


app = Starlette(
    routes=[
        Route("/chats/{session_id}", say, methods=["POST"]),
        Route("/chats/{session_id}", show, methods=["GET"]),
    ],
    lifespan=lifespan,
)


# From here on only for the demonstration: requests as a server would hand them over.


async def request(state: dict[str, Any], user: str, text: str) -> str:
    """Say something as a user; returns the whole answer."""
    received = iter([{"type": "http.request", "body": text.encode()}])
    answer = bytearray()

    async def receive() -> dict[str, Any]:
        for message in received:
            return message
        await asyncio.Event().wait()  # the client stays until it has the answer
        raise AssertionError

    async def send(message: Any) -> None:
        answer.extend(message.get("body", b""))

    scope = {
        "type": "http",
        "method": "POST",
        "path": "/chats/main",
        "query_string": b"",
        "headers": [(b"x-user", user.encode())],
        "state": dict(state),
    }
    await app(scope, receive, send)
    return answer.decode()


async def main() -> None:
    users = [f"user-{number}" for number in range(20)]
    async with lifespan(app) as state:
        for text in ("Hello there", "And again"):
            answers = await asyncio.gather(*[request(state, user, text) for user in users])
            print(f"{len(answers)} users at once, each told: {answers[0]}")
        stored = await state["store"].namespace(users[0]).get("main")
        print(f"{users[0]} has {stored.info.message_count} messages of {len(users)} users'.")


if __name__ == "__main__":
    MODEL = sys.argv[1] if len(sys.argv) > 1 else MODEL
    asyncio.run(main())
