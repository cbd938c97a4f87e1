"""Text from strangers, made safe for a log or a terminal: the one place that escapes it."""

import logging
from collections.abc import Iterable

TRACEBACK_MARGIN = "    | "  # before each line of a traceback: no such line looks like a message of its own


def escape(text: str) -> str:
    r"""Return `text` with everything unprintable (line breaks, terminal controls) as Python's escapes.

    A terminal acts on control characters, a reader of a log on line breaks, and both show the characters that
    change the direction of text as something else. Letters of every script stay as they are.

    >>> print(escape("cat.png\n2026-01-01 [ERROR] all is lost"))
    cat.png\n2026-01-01 [ERROR] all is lost
    >>> print(escape("\x1b[31mred\x9b0m \udcff \u202e Katze ä 猫"))
    \x1b[31mred\x9b0m \udcff \u202e Katze ä 猫
    """
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )


class EscapingFormatter(logging.Formatter):
    """Formats a record as another formatter does, on one line, and then its traceback on marked lines."""

    def __init__(self, formatter: logging.Formatter) -> None:
        """Escape what `formatter` returns."""
        super().__init__()
        self._formatter = formatter

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without a line break at its end."""
        # a copy: the formatter would append the traceback, and keep it in the record for other handlers
        plain = logging.makeLogRecord(
            record.__dict__ | {"exc_info": None, "exc_text": None, "stack_info": None}
        )
        lines = [escape(self._formatter.format(plain).rstrip("\n"))]
        if record.exc_info and record.exc_info[0] is not None:
            lines += self._formatter.formatException(record.exc_info).split("\n")
        elif record.exc_text:
            lines += record.exc_text.split("\n")
        if record.stack_info:
            lines += record.stack_info.split("\n")
        return f"\n{TRACEBACK_MARGIN}".join([lines[0], *map(escape, lines[1:])])


def escape_log_lines() -> None:
    """Make every handler of this process escape what it writes, warnings included."""
    logging.captureWarnings(True)  # they would be written to stderr as they are
    for handler in _handlers():
        if not isinstance(handler.formatter, EscapingFormatter):
            handler.setFormatter(EscapingFormatter(handler.formatter or logging.Formatter()))


def _handlers() -> Iterable[logging.Handler]:
    loggers = [logging.root, *logging.root.manager.loggerDict.values()]
    return (
        handler for logger in loggers if isinstance(logger, logging.Logger) for handler in logger.handlers
    )
