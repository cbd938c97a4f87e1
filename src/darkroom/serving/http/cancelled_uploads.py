"""Discarding the rest of an upload whose request was already refused."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DISCARD_BYTES, DISCARD_SECONDS = 64_000_000, 5.0  # of one upload at most
SMALL_BODY = 65_536  # bytes; a refused body up to this size is read whole, so that the connection stays open


class CancelledUploads:
    """ASGI middleware that lets a client that is refused during its upload read the response.

    A connection that is closed while the client still sends is reset, and the response is lost. So a
    response that is ready before the end of the body is sent at once, and what still arrives is discarded
    for a while before the connection closes. A small body is read to its end first, and the connection
    stays open.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD"):
            await self.app(scope, receive, send)
            return
        complete = False
        length = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
        small = length.isdigit() and int(length[:12]) <= SMALL_BODY

        async def receiver() -> Message:
            nonlocal complete
            message = await receive()
            complete = complete or message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def discard() -> None:
            left = DISCARD_BYTES
            while not complete and left > 0:
                left -= len((await receiver()).get("body", b""))

        async def discard_for_a_while() -> None:
            try:
                async with asyncio.timeout(DISCARD_SECONDS):
                    await discard()
            except TimeoutError:
                pass

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start" and not complete and small:
                await discard_for_a_while()
            if message["type"] == "http.response.start" and not complete:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            if message["type"] == "http.response.body" and not complete and not message.get("more_body"):
                await send({**message, "more_body": True})
                await discard_for_a_while()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receiver, sender)
