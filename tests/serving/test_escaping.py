"""One line for each event in the log, and nothing in it that a terminal acts on."""

import logging
import sys
import warnings
from collections.abc import Iterator
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkroom.serving.escaping import EscapingFormatter, escape, escape_log_lines

NASTY = "a\nb\r\x1b[2J\x9b31m\x00\x07\x7f\u2028\u202e\udcff\tz"


@given(st.text(st.characters()))
def test_escaped_text_is_printable_and_readable_text_stays(text: str) -> None:
    escaped = escape(text)
    assert escaped.isprintable()
    assert escape(escaped) == escaped
    assert (escaped == text) == text.isprintable()


@pytest.fixture
def log() -> Iterator[tuple[logging.Logger, StringIO]]:
    """A logger with a handler that escapes, and what it writes."""
    written = StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(asctime)s [%(levelname)s] %(message)s"))
    logger = logging.getLogger("a test")
    logger.addHandler(handler)
    escape_log_lines()
    escape_log_lines()  # a second time changes nothing
    yield logger, written
    logger.removeHandler(handler)
    logging.captureWarnings(False)


def test_a_message_is_one_line(log: tuple[logging.Logger, StringIO]) -> None:
    logger, written = log
    logger.warning("the file %s of %r\n", NASTY, NASTY)
    (line,) = written.getvalue().splitlines()
    assert line.isprintable()
    assert line.count("[WARNING]") == 1
    assert r"a\nb\r\x1b[2J" in line


def test_no_line_of_a_traceback_looks_like_a_message(log: tuple[logging.Logger, StringIO]) -> None:
    logger, written = log
    try:
        raise ValueError(f"bad {NASTY}\n2026-01-01 [ERROR] all is lost")
    except ValueError:
        logger.exception("failed on %s", NASTY, stack_info=True)
    first, *rest = written.getvalue().removesuffix("\n").split("\n")
    assert first.endswith(escape(f"failed on {NASTY}"))
    assert "    | Traceback (most recent call last):" in rest
    assert all(line.startswith("    | ") and line.isprintable() for line in rest)
    assert "    | 2026-01-01 [ERROR] all is lost" in rest


def test_other_handlers_get_the_record_as_it_was() -> None:
    try:
        raise ValueError("x")
    except ValueError:
        record = logging.LogRecord("a", logging.ERROR, "f", 1, "m\n", (), sys.exc_info())
    before = dict(record.__dict__)
    EscapingFormatter(logging.Formatter()).format(record)
    assert record.__dict__ == before


def test_a_warning_is_one_line(log: tuple[logging.Logger, StringIO]) -> None:
    _, written = log
    handler = logging.StreamHandler(written)
    handler.setFormatter(EscapingFormatter(logging.Formatter()))
    logging.getLogger("py.warnings").addHandler(handler)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(f"Metadata {NASTY}", stacklevel=1)
    logging.getLogger("py.warnings").removeHandler(handler)
    assert len(written.getvalue().splitlines()) == 1
