"""Metrics for Prometheus: `/metrics`."""

import asyncio

import prometheus_client
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...metrics import exposition
from ...monitoring.monitor import Monitor


async def metrics(request: Request) -> Response:
    """Return the metrics of all workers in Prometheus' text format."""
    monitor: Monitor | None = request.app.state.monitor
    more = [monitor.drift] if monitor is not None and monitor.drift is not None else []
    content = await asyncio.to_thread(exposition, more)
    return Response(content, headers={"Content-Type": prometheus_client.CONTENT_TYPE_LATEST})


ROUTES = (Route("/metrics", metrics, methods=["GET"]),)
