"""All hostile requests, with a listener where the requests point: the service must not connect to it."""

import contextlib
import socket
from collections import Counter
from contextlib import closing

import numpy as np
import requests

from tests.helpers.serving import encoded, random_image
from tests.serving.http.hostile.counts import SECONDS, Counts
from tests.serving.http.hostile.described import send_described
from tests.serving.http.hostile.images import send_images
from tests.serving.http.hostile.malformed import send_malformed


def attack(url: str, count: int, seed: int) -> Counts:
    """Send `count` hostile requests; return how many got which kind of response.

    A kind is the status with the error's code; `closed` where the connection of a malformed request was
    closed without a response; `none` where a required response did not arrive; `wrong` where a response
    differed from the description.
    """
    random = np.random.default_rng(seed)
    counts: Counts = Counter()
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        link = f"http://127.0.0.1:{listener.getsockname()[1]}/a.png"
        send_described(url, count // 3, seed, counts)
        send_images(url, count // 3, random, counts)
        send_malformed(url, count - 2 * (count // 3), random, link, counts)
        listener.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            counts["wrong: the service connected to the address in a request"] += 1
    response = requests.post(url + "/predict", files={"image": encoded(random_image())}, timeout=SECONDS)
    if response.status_code != 200:
        counts[f"wrong: a good image sent afterwards gets {response.status_code}"] += 1
    return counts
