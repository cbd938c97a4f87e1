"""Ten thousand hostile requests to a real service: `make test-hostile`.

`python -m tests.serving.http.hostile --help` lists its options.
A third are generated from the service's own description of its API (schemathesis: valid and invalid
requests), a third are damaged images of every format, and the rest are requests that no honest client sends.
Every request must get a response in time, none a 5xx, and the service must not connect to anything.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from tests.helpers.serving import bento_of, serve_bento
from tests.serving.http.hostile.attack import attack
from tests.serving.http.hostile.counts import wrong


def main() -> None:
    """Send the requests, print the counts by kind of response, and fail on kinds that must not occur."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--requests", type=int, default=10_000, help="in total (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the random generators (default %(default)s)")
    parser.add_argument("--counts", type=Path, help="write the counts to this JSON file too")
    options = parser.parse_args()
    started = time.perf_counter()
    with serve_bento(*bento_of("cifar10")[:2], settings={"DARKROOM_WORKERS": "2"}) as url:
        counts = attack(url, options.requests, options.seed)
    for kind, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        print(f"{count:7,}  {kind}")
    total = sum(counts.values())
    print(f"{total:7,}  requests in {time.perf_counter() - started:.0f} s, seed {options.seed}")
    if options.counts:
        options.counts.write_text(json.dumps(dict(sorted(counts.items())), indent=1) + "\n", encoding="utf-8")
    if bad := wrong(counts):
        sys.exit("These must not occur: " + ", ".join(bad))


if __name__ == "__main__":
    main()
