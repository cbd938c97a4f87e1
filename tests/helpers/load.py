"""Load on a running service: clients that predict without pause, and what they got."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import requests

from darkroom.serving.process.control import read_state
from tests.helpers.serving import encoded, random_image
from tests.helpers.waiting import eventually


@dataclass
class Load:
    """Clients that predict one image without pause; half of them reuse a connection, half open one each time.

    Attributes:
        url: of the service.
        image: that they send.
        versions: number of predictions by the model's version.
        failures: what failed, in words.
    """

    url: str
    image: bytes = field(default_factory=lambda: encoded(random_image(8, 8, 1)))
    versions: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def _predict(self, keep_alive: bool) -> None:
        session = requests.Session()
        send = session.post if keep_alive else requests.post
        while not self._stop.is_set():
            try:
                response = send(f"{self.url}/predict", files={"image": self.image}, timeout=30)
                response.raise_for_status()
                self.versions[response.json()["model"]["version"]] += 1
            except requests.RequestException as error:
                self.failures.append(f"{'kept' if keep_alive else 'new'} connection: {error!r}")

    @contextmanager
    def running(self, clients: int = 6) -> Iterator[None]:
        """Run the clients until the block ends."""
        threads = [
            threading.Thread(target=self._predict, args=(number % 2 == 0,)) for number in range(clients)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()


def wait_for_old_server(store: Path, port: int) -> None:
    """Return when the supervisor has one server left."""
    supervisor = psutil.Process(read_state(store, port)["pid"])
    eventually(lambda: len(supervisor.children()) == 1, "the old server ends", seconds=60)
