"""Refusals: one form for all of them, for programs and for people."""

from starlette.responses import JSONResponse

from .metrics import REJECTED


class RequestError(Exception):
    """A request that is refused: HTTP `status`, `code` for programs, `message` for people."""

    def __init__(
        self, status: int, code: str, message: str, *, headers: dict[str, str] | None = None
    ) -> None:
        """Keep the four."""
        super().__init__(message)
        self.status, self.code, self.message, self.headers = status, code, message, headers


def error_answer(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """Return the answer to a refused request, and count it."""
    REJECTED.labels(code).inc()
    return JSONResponse({"error": {"code": code, "message": message}}, status, headers)


def too_busy(message: str, *, seconds: int = 1) -> RequestError:
    """Return the refusal of a request that would have to wait too long, with a time to try again."""
    return RequestError(503, "too_busy", message, headers={"Retry-After": str(seconds)})
