"""Requests that schemathesis generates from the service's own description of its API."""

from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.serving.http.hostile.counts import SECONDS, Counts, kind_from, kind_of

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


def send_described(url: str, count: int, number: int, counts: Counts) -> None:
    """Send valid and invalid requests by the service's description; check the responses against it."""
    schema = schemathesis.openapi.from_url(url + "/openapi.json", timeout=SECONDS)
    operations: list[Any] = [result.ok() for result in schema.get_all_operations()]  # type: ignore[union-attr]
    session = requests.Session()
    modes = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # mostly to the routes that take a form; the others have no parameters
    forms = [operation for operation in operations if operation.method.upper() == "POST"]
    plans = [(operation, mode) for operation in forms for mode in modes]
    left = count
    for operation in operations:
        if operation not in forms:
            left -= run_described(operation, GenerationMode.POSITIVE, 10, number, session, counts)
    for place, (operation, mode) in enumerate(plans):
        share = left // (len(plans) - place)
        left -= run_described(operation, mode, share, number, session, counts)
    for _ in range(left):  # where hypothesis found fewer different cases than requested
        counts[kind_of(session.post(url + "/predict", timeout=SECONDS))] += 1


def run_described(
    operation: Any, mode: GenerationMode, count: int, number: int, session: requests.Session, counts: Counts
) -> int:
    """Send at most `count` cases of one operation; return how many were sent."""
    sent = 0

    @seed(number)
    @settings(
        max_examples=max(count, 1),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def run(case: Any) -> None:
        nonlocal sent
        if sent >= count:
            return
        sent += 1
        try:
            response = case.call(session=session, timeout=SECONDS)
        except requests.RequestException as error:
            counts[f"none: {type(error).__name__}"] += 1
            return
        counts[kind_from(response.status_code, response.content)] += 1
        try:
            case.validate_response(response, checks=CHECKS)
        except (AssertionError, ExceptionGroup) as error:
            counts[f"wrong: {operation.method.upper()} {operation.path}: {str(error)[:300]}"] += 1

    run()
    return sent
