"""The page for people and the API's documentation: `/`, `/page/…`, `/docs` and `/openapi.json`."""

from collections.abc import Callable
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from ..openapi import describe

PAGE = Path(__file__).parents[2] / "page"
FILES = {"/": "index.html", "/docs": "docs.html"} | {
    f"/page/{path.name}": path.name for path in PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")
}


async def openapi(request: Request) -> Response:
    """Return the OpenAPI description of the routes."""
    state = request.app.state
    return JSONResponse(describe(state.engine.classifier, locked=state.locked))


def _serve(path: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(path, headers={"Cache-Control": "no-cache"})


ROUTES = (
    Route("/openapi.json", openapi, methods=["GET"]),
    Route("/docs.json", openapi, methods=["GET"]),
    *(Route(path, _serve(PAGE / name), methods=["GET"]) for path, name in FILES.items()),
)
