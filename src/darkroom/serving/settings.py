"""The service's settings from environment variables; docs/serving.md explains each."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .path_prefix import parse_prefix

HELD_BYTES = 256_000_000  # that all uploads of one worker may hold at once
LEAST_HELD_BYTES = 50_000_000  # where memory is scarce: a request with a batch still fits
WORKER_BYTES = 512_000_000  # of memory, for which there is one worker at most
IDLE_BYTES = 256_000_000  # that a worker uses without uploads

MIN_TOKEN = 16  # characters; shorter ones can be guessed
ROLES = ("predict", "feedback", "admin")  # in rising order: each includes those before it
PREFIX = "DARKROOM_"
NAMES = (
    *(f"{role.upper()}_TOKENS" for role in ROLES),
    *("WORKERS", "QUEUE_SECONDS", "RATE", "ORIGINS", "HOSTS", "ACCESS_LOG"),
    *("PROXIES", "ROOT_PATH"),
    *("FEEDBACK", "FEEDBACK_MB", "LOG", "LOG_MB", "LOG_IMAGES"),
    *("MIRROR", "CACHE"),  # read by the stages download and train
)
KNOWN = frozenset(PREFIX + name for name in NAMES)


@dataclass(frozen=True)
class Settings:
    """The service's settings.

    Attributes:
        workers: number of processes, each with one thread for the model.
        threads: CPU threads of the model in each worker.
        held_bytes: limit of what all uploads of one worker hold.
        queue_seconds: the longest time that an accepted request may be expected to wait in the queue.
        tokens: role by token; empty: no route needs one.
        requests_per_minute: limit for one client; 0: no limit.
        origins: other sites whose pages may use the service (CORS).
        hosts: host names of a service that listens on loopback, besides localhost.
        proxies: that are trusted: networks of IPv4 and IPv6, `unix:` for Unix sockets, `*` for every peer.
        root_path: the path under which a proxy offers the service, decoded; empty: the root.
        access_log: whether each request is logged.
        feedback: the folder for feedback; None: feedback is off.
        feedback_bytes: limit of that folder.
        log: the folder of the prediction log; None: the log is off.
        log_bytes: limit of that folder.
        log_images: whether the log also keeps the images, as the model sees them.
    """

    workers: int
    threads: int
    held_bytes: int = HELD_BYTES
    queue_seconds: float = 1.0
    tokens: Mapping[str, str] = field(default_factory=dict)
    requests_per_minute: int = 0
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    root_path: str = ""
    access_log: bool = False
    feedback: Path | None = None
    feedback_bytes: int = 1_000_000_000
    log: Path | None = None
    log_bytes: int = 100_000_000
    log_images: bool = False


def read_settings(environment: Mapping[str, str], *, cores: int, memory: int | None = None) -> Settings:
    """Return the settings in `environment`, for `cores` usable cores and so many bytes of usable memory.

    Raises:
        ValueError: a variable is unknown or has an invalid value; the message names it.

    >>> settings = read_settings({"DARKROOM_WORKERS": "2", "DARKROOM_RATE": "60"}, cores=4)
    >>> settings.workers, settings.threads, settings.requests_per_minute
    (2, 2, 60)
    """
    if unknown := sorted(name for name in environment if name.startswith(PREFIX) and name not in KNOWN):
        raise ValueError(f"{unknown[0]} is not a setting; known are {', '.join(sorted(KNOWN))}")
    enough = cores if memory is None else max(1, min(cores, memory // WORKER_BYTES))
    workers = _number(environment, "WORKERS", default=enough, low=1, high=256)
    return Settings(
        workers=int(workers),
        threads=max(1, cores // int(workers)),
        held_bytes=HELD_BYTES if memory is None else _held_bytes(memory // int(workers)),
        queue_seconds=_number(environment, "QUEUE_SECONDS", default=1.0, low=0.05, high=60),
        tokens=_tokens(environment),
        requests_per_minute=int(_number(environment, "RATE", default=0, low=0, high=1_000_000)),
        origins=_origins(environment),
        hosts=tuple(name.lower() for name in _list(environment, "HOSTS")),
        proxies=_proxies(environment),
        root_path=_root_path(environment),
        access_log=_switch(environment, "ACCESS_LOG"),
        feedback=_folder(environment, "FEEDBACK"),
        feedback_bytes=int(1e6 * _number(environment, "FEEDBACK_MB", default=1000, low=1, high=1e6)),
        log=_folder(environment, "LOG"),
        log_bytes=int(1e6 * _number(environment, "LOG_MB", default=100, low=1, high=1e6)),
        log_images=_switch(environment, "LOG_IMAGES"),
    )


def _held_bytes(memory: int) -> int:
    """Return what the uploads of a worker may hold that has so many bytes of memory.

    Decoded images and what the model computes take about as much as the uploads.
    """
    return max(LEAST_HELD_BYTES, min(HELD_BYTES, (memory - IDLE_BYTES) // 2))


def _number(environment: Mapping[str, str], name: str, *, default: float, low: float, high: float) -> float:
    text = environment.get(PREFIX + name, "").strip()
    try:
        value = float(text) if text else default
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise ValueError(f"{PREFIX}{name} is {text!r}; needed: a number from {low:g} to {high:g}")
    return value


def _switch(environment: Mapping[str, str], name: str) -> bool:
    text = environment.get(PREFIX + name, "").strip()
    if text not in (
        "",
        "0",
        "1",
    ):  # strict, because a misread value could keep images against the operator's will
        raise ValueError(f"{PREFIX}{name} is {text!r}; needed: 1 for yes, 0 or empty for no")
    return text == "1"


def _list(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    parts = (part.strip() for part in environment.get(PREFIX + name, "").split(","))
    return tuple(part for part in parts if part)


def _folder(environment: Mapping[str, str], name: str) -> Path | None:
    text = environment.get(PREFIX + name, "").strip()
    if (
        text and not Path(text).is_absolute()
    ):  # the workers run in another folder than the one they are started from
        raise ValueError(
            f"{PREFIX}{name} is {text!r}; needed: the path of a folder from the root, such as /srv/darkroom"
        )
    return Path(text) if text else None


def _tokens(environment: Mapping[str, str]) -> dict[str, str]:
    tokens: dict[str, str] = {}
    for role in ROLES:  # a token in two lists has the higher role
        name = f"{role.upper()}_TOKENS"
        for token in _list(environment, name):
            if len(token) < MIN_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError(
                    f"{PREFIX}{name} holds a token of {len(token)} characters; needed: {MIN_TOKEN} or more "
                    "letters, digits and signs. Create one: python -c 'import secrets; "
                    "print(secrets.token_urlsafe(32))'"
                )
            tokens[token] = role
    return tokens


def _origins(environment: Mapping[str, str]) -> tuple[str, ...]:
    origins = _list(environment, "ORIGINS")
    for origin in origins:
        scheme, _, rest = origin.partition("://")
        if scheme not in ("http", "https") or not rest or "/" in rest or "*" in rest:
            raise ValueError(
                f"{PREFIX}ORIGINS holds {origin!r}; needed: origins such as https://example.org, "
                "separated by commas"
            )
    return origins


def _proxies(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the trusted proxies; without our own variable, from the one that uvicorn and gunicorn read."""
    name = PREFIX + "PROXIES" if environment.get(PREFIX + "PROXIES", "").strip() else "FORWARDED_ALLOW_IPS"
    parts = (part.strip() for part in environment.get(name, "").split(","))
    return tuple(part if part in ("*", "unix:") else _network(name, part) for part in parts if part)


def _network(name: str, text: str) -> str:
    try:
        # an IPv4 address as sockets for both versions show it
        return str(ipaddress.ip_network(text.lower().removeprefix("::ffff:") if "." in text else text))
    except ValueError as error:
        raise ValueError(
            f"{name} holds {text!r} ({error}); needed: addresses and networks such as 127.0.0.1, 10.0.0.0/8 "
            "or fd00::/8, separated by commas; unix: for Unix sockets, * for whoever connects"
        ) from error


def _root_path(environment: Mapping[str, str]) -> str:
    text = environment.get(PREFIX + "ROOT_PATH", "").strip()
    if (prefix := parse_prefix(text)) is None:
        raise ValueError(f"{PREFIX}ROOT_PATH is {text!r}; needed: a path such as /vision, percent-encoded")
    return prefix
