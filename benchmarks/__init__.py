"""Side-by-side measurements that anyone can run; their last results are in results/."""

import signal
import sys

import pipeline  # noqa: F401  it puts src/ on the path

# SIGTERM ends a benchmark as Ctrl-C does: what it has started is stopped, and the results so far are kept
if sys.argv[:1] == ["-m"]:
    for number in (signal.SIGTERM, signal.SIGINT):
        if signal.getsignal(number) is signal.SIG_DFL:  # not what nohup ignores; pipeline has set SIGINT's
            signal.signal(number, signal.default_int_handler)
