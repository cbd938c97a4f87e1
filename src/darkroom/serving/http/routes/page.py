"""The page for people and the API's documentation: `/`, `/page/…`, `/docs` and `/openapi.json`."""

import html
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ..admission import POLICY
from ..openapi import describe

PAGE = Path(__file__).parents[2] / "page"
FILES = {"/": "index.html", "/docs": "docs.html"} | {
    f"/page/{path.name}": path.name for path in PAGE.iterdir() if path.suffix in (".css", ".js", ".svg")
}


NO_CACHE = {"Cache-Control": "no-cache"}
# Of a page that has a <base>, which its own links refer to.
BASE_POLICY = POLICY.replace("base-uri 'none'", "base-uri 'self'")


async def openapi(request: Request) -> Response:
    """Return the OpenAPI description of the routes."""
    state = request.app.state
    document = describe(state.engine.classifier, locked=state.locked)
    if root_path := request.scope.get("root_path", ""):
        document = {**document, "servers": [{"url": quote(root_path)}]}
    return JSONResponse(document)


def _serve(path: Path) -> Callable[[Request], Response]:
    return lambda _: FileResponse(path, headers=NO_CACHE)


def _serve_page(path: Path) -> Callable[[Request], Response]:
    """Serve a page whose links are relative.

    A proxy may offer it under a path without a slash at its end, or remove that path, so that the browser
    would resolve the links from somewhere else. Where the path is known, the page names it.
    """
    page = path.read_text(encoding="utf-8")

    def serve(request: Request) -> Response:
        if not (root_path := request.scope.get("root_path", "")):
            return FileResponse(path, headers=NO_CACHE)
        base = f'<base href="{html.escape(quote(root_path))}/">'
        headers = {**NO_CACHE, "Content-Security-Policy": BASE_POLICY}
        return HTMLResponse(page.replace("<head>", f"<head>\n  {base}", 1), headers=headers)

    return serve


def _handler(name: str) -> Callable[[Request], Response]:
    return (_serve_page if name.endswith(".html") else _serve)(PAGE / name)


ROUTES = (
    Route("/openapi.json", openapi, methods=["GET"]),
    Route("/docs.json", openapi, methods=["GET"]),
    *(Route(path, _handler(name), methods=["GET"]) for path, name in FILES.items()),
)
