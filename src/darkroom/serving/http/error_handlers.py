"""The responses to requests that raise: one function for each kind of error."""

import asyncio

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ExceptionHandler

from ...images.formats import ImageError
from ..errors import RequestError, error_response

# How long a 503 is held back. A client that ignores Retry-After would otherwise send its request again at
# once, and refusing it over and over would take the time of the accepted requests.
BUSY_SECONDS = 0.5


async def request_error(_: Request, error: Exception) -> Response:
    """Respond to a request that this service refuses."""
    assert isinstance(error, RequestError)
    if error.status == 503:
        await asyncio.sleep(BUSY_SECONDS)
    return error_response(error.status, error.code, error.message, error.headers)


async def image_error(_: Request, error: Exception) -> Response:
    """Respond to an image that cannot be used."""
    assert isinstance(error, ImageError)
    return error_response(error.status, error.code, error.message)


async def http_error(request: Request, error: Exception) -> Response:
    """Respond to what Starlette refuses: an unknown path or a wrong method."""
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        allowed = headers.get("Allow", "another method")
        message = f"{request.url.path} does not take {request.method}; use {allowed}."
        return error_response(405, "wrong_method", message, headers)
    if error.status_code == 404:
        path, docs = ascii(request.url.path[:60]), request.scope.get("root_path", "") + "/docs"
        return error_response(404, "unknown_path", f"There is no {path} here; {docs} lists the routes.")
    return error_response(error.status_code, "refused", str(error.detail), headers)


async def disconnected(_: Request, __: Exception) -> Response:
    """Count a client that disconnected during its upload; the response reaches no one."""
    return error_response(400, "disconnected", "The client disconnected before its upload was complete.")


async def internal_error(_: Request, __: Exception) -> Response:
    """Respond to a request on which the service itself failed, without details."""
    return error_response(500, "internal", "The service failed on this request; its log has the reason.")


HANDLERS: dict[type[Exception], ExceptionHandler] = {
    HTTPException: http_error,
    RequestError: request_error,
    ImageError: image_error,
    ClientDisconnect: disconnected,
    Exception: internal_error,
}
