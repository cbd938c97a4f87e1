"""What happens to an upload that nobody wants any more."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

DRAIN_BYTES, DRAIN_SECONDS = 64_000_000, 5.0
SMALL_BODY = 65_536  # of a refused request: read whole, so that the connection can go on


class CancelledUploads:
    """Lets a client that is refused in the middle of its upload read the answer.

    A connection closed while the client still sends is reset, and the answer is lost. So an answer
    that comes before the end of the body is sent at once, and what still arrives is thrown away for
    a while before the connection closes. A small body is read to its end first, and the connection
    stays.
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

        async def drain() -> None:
            left = DRAIN_BYTES
            while not complete and left > 0:
                left -= len((await receiver()).get("body", b""))

        async def drain_for_a_while() -> None:
            try:
                async with asyncio.timeout(DRAIN_SECONDS):
                    await drain()
            except TimeoutError:
                pass

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start" and not complete and small:
                await drain_for_a_while()
            if message["type"] == "http.response.start" and not complete:
                message["headers"] = [*message["headers"], (b"connection", b"close")]
            if message["type"] == "http.response.body" and not complete and not message.get("more_body"):
                await send({**message, "more_body": True})
                await drain_for_a_while()
                message = {"type": "http.response.body", "body": b""}
            await send(message)

        await self.app(scope, receiver, sender)
