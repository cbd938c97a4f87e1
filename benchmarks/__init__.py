"""Side-by-side measurements that anyone can run; their last results are in results/."""

import pipeline  # noqa: F401  it puts src/ on the path
