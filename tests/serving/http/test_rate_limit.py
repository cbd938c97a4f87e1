"""The limit on each client's requests, counted over all workers together."""

from pathlib import Path

import pytest

from darkroom.serving.http.rate_limit import RateLimit, client_network


def test_a_client_may_send_a_burst_and_then_at_the_rate() -> None:
    limit = RateLimit(60, None)  # one a second, ten at once
    assert [limit.wait("192.0.2.1", now=100.0) for _ in range(10)] == [0] * 10
    assert limit.wait("192.0.2.1", now=100.0) == pytest.approx(1)
    assert limit.wait("192.0.2.1", now=100.4) == pytest.approx(0.6)
    assert limit.wait("192.0.2.1", now=101.0) == 0
    assert limit.wait("192.0.2.1", now=101.0) > 0
    assert limit.wait("192.0.2.2", now=101.0) == 0, "another client has its own limit"


def test_a_clock_that_was_set_back_locks_out_no_client() -> None:
    limit = RateLimit(60, None)
    assert limit.wait("192.0.2.1", now=1e9) == 0
    assert limit.wait("192.0.2.1", now=1000.0) == 0


def test_the_slowest_rate_still_accepts_one_request() -> None:
    limit = RateLimit(1, None)
    assert limit.wait("192.0.2.1", now=100.0) == 0
    assert limit.wait("192.0.2.1", now=100.0) == pytest.approx(60)


def test_workers_count_together(tmp_path: Path) -> None:
    one, two = RateLimit(60, tmp_path), RateLimit(60, tmp_path)
    assert [limit.wait("192.0.2.1", now=100.0) for _ in range(5) for limit in (one, two)] == [0] * 10
    assert one.wait("192.0.2.1", now=100.0) > 0
    assert two.wait("192.0.2.1", now=100.0) > 0
    assert [path.name for path in tmp_path.iterdir()] == ["rate-limit"]


def test_an_ipv6_network_counts_as_one_client() -> None:
    assert (
        client_network("2001:db8::1")
        == client_network("2001:db8::ffff:1")
        != client_network("2001:db8:0:1::1")
    )
    assert client_network("::ffff:192.0.2.1") == client_network("192.0.2.1") == "192.0.2.1"
