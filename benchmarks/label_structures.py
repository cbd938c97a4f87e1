"""Structures over labels, and heads on the features of one frozen backbone that embed labels.

    python -m benchmarks.label_structures --checkout FOLDER --out table.json

FOLDER is as in `benchmarks.multilabel`. Each head is fitted to the training images; on the scores of the
linear one every structure is fitted to the validation images, as the stage `calibrate` does. The test images
are measured once, after everything is chosen.
"""

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.label_tables import CONFIDENT, cells, features, kept_rows, linear_logits, parser
from darkroom.config import Params, load_params, override
from darkroom.evaluation.multilabel.calibration_fit import calibrated, fit_label_sets
from darkroom.evaluation.multilabel.headline import headline
from darkroom.evaluation.multilabel.paired import paired_differences
from darkroom.evaluation.multilabel.per_image import exact
from darkroom.evaluation.multilabel.thresholds import Rule, decide
from darkroom.files import write_json
from darkroom.models.feature_heads.feature_head import FeatureHead
from darkroom.models.structures import STRUCTURES
from darkroom.models.structures.fitting import fit_structure, from_json, joint, to_json
from darkroom.registry.paired_test import paired_test
from darkroom.training.feature_head import fit_feature_head, logits_of
from darkroom.training.feature_heads import FITS
from darkroom.training.head import Labelled, joined, standardisation
from darkroom.training.label_head import fit_label_head
from darkroom.training.label_heads import LABEL_HEADS

MEASURED = ("validation", "test")
RULES: tuple[Rule, ...] = ("half", "f1")  # of the thresholds


def logits_by(head: str, parts: dict[str, list[Labelled]], params: Params) -> tuple[dict[str, Any], float]:
    """Return the logits float32 [N,L] of validation and test images by a head, and CPU seconds."""
    began = time.process_time()
    train, validation = joined(parts["train"]), parts["validation"][0]
    if head in FITS:
        _, fitted = fit_feature_head(train, validation, name=head, settings=params.train)
        seconds = time.process_time() - began
        mean, scale = standardisation(train.features)
        return {name: fitted_logits(parts[name], fitted, mean, scale) for name in MEASURED}, seconds
    _, _, weight, bias = fit_label_head(train, validation, settings=params.train, head=head)
    seconds = time.process_time() - began
    return {name: linear_logits(parts[name], weight, bias) for name in MEASURED}, seconds


def fitted_logits(
    views: list[Labelled], head: FeatureHead, mean: torch.Tensor, scale: torch.Tensor
) -> NDArray[np.float32]:
    """Return the logits float32 [N,L] of a head that takes standardised features, averaged over the views."""
    each = [logits_of(head, Labelled((view.features.double() - mean) / scale, view.labels)) for view in views]
    return np.asarray(torch.stack(each).mean(0).float().numpy())


def measured(
    name: str, logits: dict[str, Any], labels: dict[str, NDArray[np.int8]], params: Params
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fit a structure (or none) and return its row, and probabilities and decisions of the test images."""
    kept: list[tuple[NDArray[np.float32], dict[str, Any]]] = []

    def fit(z: NDArray[np.floating], y: NDArray[np.int8]) -> tuple[NDArray[np.float32], dict[str, Any]]:
        if not kept:  # it is the same for both rules
            fitted = fit_structure(name, z, y, labels["train"], seed=params.seed)
            kept.append((fitted.held_out, to_json(fitted)))
        return kept[0]

    began = time.process_time()
    row: dict[str, Any] = {"structure": name}
    found: dict[str, Any] = {}
    for rule in RULES:
        calibration = fit_label_sets(
            logits["validation"],
            labels["validation"],
            rule=rule,
            confident_accuracy=CONFIDENT,
            fit_joint=None if name == "none" else fit,
        ).fitted
        probabilities = calibrated(logits["test"], calibration)
        if name != "none":
            z = logits["test"] * np.array(calibration["slope"]) + np.array(calibration["offset"])
            probabilities = joint(from_json(calibration["structure"]), z)
            row |= {key: calibration["structure"][key] for key in ("strength", "log_loss", "log_loss_alone")}
        decisions = decide(probabilities, np.array(calibration["thresholds"]))
        resampled: dict[str, Any] = {"resamples": params.evaluate.resamples, "seed": params.seed}
        row[rule] = headline(probabilities, decisions, labels["test"], **resampled)
        found[rule] = (probabilities, exact(decisions, labels["test"]))
    row["cpu_seconds"] = time.process_time() - began
    return row, found


def compared(found: dict[str, Any], alone: dict[str, Any], labels: NDArray[np.int8]) -> dict[str, Any]:
    """Return how a structure differs from independent labels on the same test images.

    The interval of the difference in mAP is of the paired bootstrap, the p-value of exact matches of
    McNemar's exact test.
    """
    drawn = paired_differences(found["half"][0], alone["half"][0], labels, resamples=1000)
    low, high = np.quantile(drawn, (0.025, 0.975)).tolist()
    tests = {rule: paired_test(found[rule][1], alone[rule][1]) for rule in RULES}
    return {
        "average_precision": [low, high],
        **{f"{rule}_exact": [float(t.difference), float(t.p_value)] for rule, t in tests.items()},
    }


def line(row: dict[str, Any]) -> str:
    """Return a row of the table in per cent; exact match and its p-value with both rules of thresholds."""
    found = [*cells(row["f1"]), f"{100 * row['half']['accuracy']:.1f}"]
    if "compared" in row:
        against = row["compared"]
        found.append(" to ".join(f"{100 * value:+.1f}" for value in against["average_precision"]))
        found.append(f"{100 * against['half_exact'][0]:+.1f} (p {against['half_exact'][1]:.2g})")
    else:
        found += ["", ""]
    name = row["structure"] if row["head"] == "linear" else row["head"]
    return "| " + " | ".join([f"`{name}`", *found, f"{row['cpu_seconds']:.0f}"]) + " |"


def main() -> None:
    """Run the comparison and write it as JSON after every row."""
    arguments = parser(__doc__).parse_args()
    torch.set_num_threads(1)
    params = load_params(arguments.checkout / "params.yaml")
    params = override(params, {"train": {"loss": "binary_cross_entropy", "label_smoothing": 0.1}})
    parts = features(arguments.checkout, params)
    labels = {name: views[0].labels.numpy().astype(np.int8) for name, views in parts.items()}
    logits, seconds = logits_by("linear", parts, params)
    print(f"the linear head took {seconds:.0f} CPU seconds", flush=True)
    aside = arguments.out.with_suffix(".npz")  # from which structures can be tried again without the head
    kept: dict[str, Any] = {**logits, **{f"{name}_labels": values for name, values in labels.items()}}
    np.savez(aside, **kept)
    rows = kept_rows(arguments.out)
    done = {(row["head"], row["structure"]) for row in rows}
    first, alone = measured("none", logits, labels, params)
    settings = [("linear", name) for name in ("none", *STRUCTURES)]
    settings += [(head, "none") for head in (*LABEL_HEADS, *FITS)]
    for head, name in settings:
        if (head, name) in done:
            continue
        row, found = first, alone
        if (head, name) != ("linear", "none"):
            scores, seconds = logits_by(head, parts, params) if head != "linear" else (logits, 0.0)
            row, found = measured(name, scores, labels, params)
            row["cpu_seconds"] += seconds
            row["compared"] = compared(found, alone, labels["test"])
        rows.append({"head": head, **row})
        write_json(arguments.out, rows)
        print(line(rows[-1]), flush=True)


if __name__ == "__main__":
    main()
