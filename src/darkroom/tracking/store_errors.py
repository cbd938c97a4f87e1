"""What is wrong with MLflow's store, in plain words: the errors of MLflow, SQLAlchemy, SQLite and servers.

Nothing here imports MLflow before it is needed: a rollback does without it.
"""

import itertools
import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from darkroom import UserError
from darkroom.tracking.mlflow_tables import sqlite_file

MAX_MESSAGE = 1000  # characters kept of an error's message
REBUILD = "`dvc repro -s -f register` makes a new one from models/ and reports/"
# What to do about an error, by what its message contains; the first that fits. `{place}` is the store.
CURES = (
    (
        r"not a database|malformed",
        "the file is damaged or something else: restore a backup of it, or move it away, and " + REBUILD,
    ),
    (
        r"is locked|database table is locked",
        "another process is writing to it: try again when that has ended",
    ),
    (r"readonly|read-only", "make {place} and its folder writable for you"),
    (r"unable to open database", "check that {place} is a file that you may read, in a folder that exists"),
    (r"disk is full", "free space on the disk of {place}"),
    (
        r"Can't locate revision",
        "it was written by a newer MLflow: update the checkout and run `make install`, or name another store",
    ),
    (
        r"\b401\b|UNAUTHENTICATED|not authenticated|Unauthorized",
        "name a user of it in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or a token in "
        "MLFLOW_TRACKING_TOKEN",
    ),
    (
        r"\b403\b|Permission denied|PERMISSION_DENIED|Forbidden",
        "ask its administrator for the permission, or set MLFLOW_TRACKING_USERNAME to another user",
    ),
    (
        r"unsupported URI|No connection adapters|Could not parse|Invalid (url|model registry|database|SQLite)"
        r"|Can't load plugin|filesystem (tracking )?backend",
        "give sqlite:///FILE, postgresql://... or the http(s):// address of MLflow's server, "
        "in MLFLOW_TRACKING_URI or after --uri",
    ),
    (r"No module named", "install this driver of the database in the environment, or name another store"),
    (
        r"Connection refused|Max retries|resolve|timed? ?out|Failed to establish|Network is unreachable"
        r"|failed with exception|could not connect|connection to server",
        "check the address, in MLFLOW_TRACKING_URI or after --uri, and that the server runs",
    ),
    (
        r"must be in the 'active' state|deleted state|non-active",
        "somebody deleted it in MLflow meanwhile: run this again, which logs to a new one",
    ),
    (
        r"Run with id=\S+ not found|Run '\S+' not found|No Experiment with id",
        "somebody removed it for good meanwhile: run this again, which logs to a new one",
    ),
)

DRIVERS = ("psycopg2", "psycopg", "MySQLdb", "pymysql", "pyodbc", "pymssql")  # of databases, for SQLAlchemy


class TrackingError(UserError):
    """MLflow's store cannot be used; the message says why and what to do."""


@contextmanager
def tracking_errors(uri: str, *kinds: type[Exception]) -> Iterator[None]:
    """Turn errors about a store that is broken, refuses or does not respond into TrackingError.

    They are those of MLflow and of what it uses, or of the `kinds` alone.
    """
    from alembic.util import CommandError
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    # MLflow logs the traceback of a database's error as well as raising it
    logging.getLogger("mlflow.store.db.utils").setLevel(logging.CRITICAL)
    caught = kinds or (MlflowException, SQLAlchemyError, sqlite3.Error, CommandError)
    try:
        yield
    except caught as error:
        raise TrackingError(explain(uri, error)) from error
    except ModuleNotFoundError as error:
        if error.name not in DRIVERS:
            raise
        raise TrackingError(explain(uri, error)) from error


def explain(uri: str, error: Exception) -> str:
    """Return a sentence that says why the store at `uri` cannot be used and, where that is known, a cure.

    >>> explain("sqlite:///mlflow.db", sqlite3.OperationalError("database is locked"))
    'the registry at sqlite:///mlflow.db cannot be used: database is locked; another process is writing \
to it: try again when that has ended'
    """
    said, shown = first_line(error).rstrip("."), without_secrets(uri)
    place = str(sqlite_file(uri) or shown)
    cures = (cure.format(place=place) for pattern, cure in CURES if re.search(pattern, str(error)))
    return "; ".join((f"the registry at {shown} cannot be used: {said}", *itertools.islice(cures, 1)))


def first_line(error: Exception) -> str:
    """Return the first line of an error's message, without secrets.

    MLflow puts a server's whole response into its messages.

    >>> from os import linesep
    >>> first_line(ValueError(f"not found{linesep}<html>...</html>"))
    'not found'
    """
    line = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return without_secrets(line)[:MAX_MESSAGE]


def without_secrets(text: str) -> str:
    """Return a text without the users and passwords of the addresses in it.

    >>> without_secrets("no response from http://me:secret@example.org/mlflow")
    'no response from http://example.org/mlflow'
    """
    return re.sub(r"(?<=://)[^/@]*@", "", text)
