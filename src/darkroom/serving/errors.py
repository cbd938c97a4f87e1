"""Refused requests: one JSON form for all of them, with a code for programs and a message for people."""

from starlette.responses import JSONResponse

from .metrics import REJECTED


class RequestError(Exception):
    """A request that is refused.

    Attributes:
        status: of HTTP, 400 or more.
        code: for programs; each reason has one.
        message: for people: what is wrong, and what to do.
        headers: of the response, besides those that every response has.
    """

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        """Describe the refusal."""
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def error_response(
    status: int, code: str, message: str, headers: dict[str, str] | None = None
) -> JSONResponse:
    """Return the response to a refused request, and count it in the metrics."""
    REJECTED.labels(code).inc()
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def too_busy(message: str, *, seconds: int = 1) -> RequestError:
    """Return the refusal of a request that would wait too long; it may be sent again after `seconds`.

    >>> error = too_busy("9 images wait already.")
    >>> error.status, error.code, error.headers
    (503, 'too_busy', {'Retry-After': '1'})
    """
    return RequestError(503, "too_busy", message, headers={"Retry-After": str(seconds)})
