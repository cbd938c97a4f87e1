"""Statistics of the tuning benchmark: what searches found after how much compute, and how certain that is.

Compute is counted in full trials: the images of one trial that trains for all of its epochs. `results` is
what benchmarks/results/tuning.json holds.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

RESAMPLES = 2000
CERTAIN = 0.97  # of the chance to win a random search: its likely winners have that much together


def pool_best(results: Mapping[str, Any]) -> NDArray[np.float64]:
    """Return the best accuracy of each trial of the pool, in order of the trials; 0 for a failed one."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    return np.array([0.0 if "failed" in run else max(run["curve"]) for run in runs])


def chances(size: int, length: int) -> NDArray[np.float64]:
    """Return the chance of each of `size` trials, best first, to win a random search of `length` draws."""
    rank = np.arange(size)
    return np.asarray((1 - rank / size) ** length - (1 - (rank + 1) / size) ** length)


def expected_best(best: NDArray[np.float64], length: int) -> float:
    """Return the mean best of random searches of `length` trials drawn from the pool."""
    return float(chances(len(best), length) @ np.sort(best)[::-1])


def random_edges(best: NDArray[np.float64], length: int) -> tuple[float, float]:
    """Return between what 80 % of random searches of `length` trials from the pool have as their best."""
    order = np.sort(best)
    below = (np.arange(1, len(order) + 1) / len(order)) ** length  # chance that none is better than this one
    low, high = (order[int(np.searchsorted(below, edge))] for edge in (0.1, 0.9))
    return float(low), float(high)


def trace(run: Mapping[str, Any], epochs: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the compute after each trial of a search, in full trials, and the best complete one by then."""
    spent = np.cumsum([len(trial["curve"]) for trial in run["trials"]]) / epochs
    accuracies = [max(trial["curve"]) if trial["state"] == "complete" else 0.0 for trial in run["trials"]]
    return spent, np.maximum.accumulate(accuracies)


def best_at(run: Mapping[str, Any], epochs: int, compute: float) -> float:
    """Return the best accuracy of a search after so much compute; 0 before its first trial ended."""
    spent, best = trace(run, epochs)
    place = int(np.searchsorted(spent, compute + 1e-9, side="right")) - 1
    return float(best[place]) if place >= 0 else 0.0


def _at(spent: NDArray[np.float64], best: NDArray[np.float64], compute: float) -> float:
    place = int(np.searchsorted(spent, compute + 1e-9, side="right")) - 1
    return float(best[place]) if place >= 0 else 0.0


def mean_reaches(runs: Sequence[Mapping[str, Any]], epochs: int, target: float) -> float:
    """Return the compute at which the mean best of searches reaches `target`; infinity where it does not."""
    traces = [trace(run, epochs) for run in runs]
    until = min(float(spent[-1]) for spent, _ in traces)
    for compute in sorted({float(at) for spent, _ in traces for at in spent if at <= until}):
        if np.mean([_at(spent, best, compute) for spent, best in traces]) >= target:
            return compute
    return float("inf")


def winners(results: Mapping[str, Any], *, length: int) -> list[dict[str, Any]]:
    """Return the values to train anew: random search's likely winners, and each search's at a quarter."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    order = np.argsort(-pool_best(results), kind="stable")
    chance = chances(len(runs), length)
    likely = int(np.searchsorted(np.cumsum(chance), CERTAIN)) + 1
    found = [runs[place]["values"] for place in order[:likely]]
    for run in results["searches"]:
        values = winner(run, epochs_of(results), length / 4)
        if values is not None and values not in found:
            found.append(values)
    return found


def winner(run: Mapping[str, Any], epochs: int, compute: float) -> dict[str, Any] | None:
    """Return the values of a search's best trial after so much compute; None before its first one ended."""
    spent, _ = trace(run, epochs)
    ended = [
        trial
        for trial, at in zip(run["trials"], spent, strict=True)
        if at <= compute + 1e-9 and trial["state"] == "complete"
    ]
    return dict(max(ended, key=lambda trial: max(trial["curve"]))["values"]) if ended else None


def again(results: Mapping[str, Any], values: Mapping[str, Any] | None) -> float | None:
    """Return the mean accuracy of values that were trained anew, on the unseen images."""
    found = [run["accuracy"] for run in results["winners"] if run["values"] == values]
    return statistics.fmean(found) if found else None


def epochs_of(results: Mapping[str, Any]) -> int:
    """Return the epochs of a full trial."""
    return int(results["setup"]["tune"]["epochs"])


def summarise(results: Mapping[str, Any], *, length: int) -> dict[str, Any]:
    """Return the rows of the table and the ratio of each search, with 95 % intervals.

    Of random search: means over all searches that the pool can give, the interval by drawing the pool
    anew. Of a search: the mean over its seeds, Student's t. Of the ratio: by drawing seeds and pool anew.
    """
    best, epochs = pool_best(results), epochs_of(results)
    random = np.random.default_rng(0)
    drawn = [random.choice(best, len(best)) for _ in range(RESAMPLES)]
    target = expected_best(best, length)
    targets = [expected_best(pool, length) for pool in drawn]
    levels = [length / 8, length / 4, length / 2, length]
    rows = []
    for level in levels:
        again_drawn = [expected_best(pool, round(level)) for pool in drawn]
        low, high = np.quantile(again_drawn, [0.025, 0.975])
        rows.append({"search": "random", "compute": level, "accuracy": expected_best(best, round(level)),
                     "low": float(low), "high": float(high), "searches": None})  # fmt: skip
    ratios = []
    for name in dict.fromkeys(run["name"] for run in results["searches"]):
        runs = [run for run in results["searches"] if run["name"] == name]
        reach = min(float(trace(run, epochs)[0][-1]) for run in runs)
        for level in levels:
            if level > reach + 1e-9:
                continue
            accuracies = [best_at(run, epochs, level) for run in runs]
            mean = float(np.mean(accuracies))
            half = _half_interval(accuracies)
            rows.append({"search": name, "compute": level, "accuracy": mean, "low": mean - half,
                         "high": mean + half, "searches": len(runs)})  # fmt: skip
        at = mean_reaches(runs, epochs, target)
        spread = []
        for place in range(RESAMPLES // 4):
            chosen = [runs[each] for each in random.integers(0, len(runs), len(runs))]
            spread.append(mean_reaches(chosen, epochs, targets[place]) / length)
        low, high = np.quantile(spread, [0.025, 0.975], method="nearest")
        ratios.append(
            {
                "search": name,
                "about": runs[0]["about"],
                "seeds": len(runs),
                "ratio": _finite(at / length),
                "low": _finite(float(low)),
                "high": _finite(float(high)),
                "each_seed": [_finite(mean_reaches([run], epochs, target) / length) for run in runs],
                "trials": statistics.fmean(len(run["trials"]) for run in runs),
                "budget": reach,
                "again": _mean(again(results, winner(run, epochs, length / 4)) for run in runs),
            }
        )
    return {
        "length": length,
        "target": target,
        "target_interval": [float(edge) for edge in np.quantile(targets, [0.025, 0.975])],
        "random_again": _random_again(results, length),
        "rows": rows,
        "ratios": ratios,
    }


def _random_again(results: Mapping[str, Any], length: int) -> float | None:
    """Return what random search of full length finds, trained anew, each winner by its chance."""
    runs = sorted(results["random"], key=lambda run: run["number"])
    order = np.argsort(-pool_best(results), kind="stable")
    known = [
        (chance, accuracy)
        for place, chance in zip(order, chances(len(runs), length), strict=True)
        if (accuracy := again(results, runs[place]["values"])) is not None
    ]
    if not known:
        return None
    weights, accuracies = zip(*known, strict=True)
    return float(np.average(accuracies, weights=weights))


def _half_interval(values: Sequence[float]) -> float:
    return float(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)) if len(values) > 1 else 0.0


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
