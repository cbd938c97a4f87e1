"""The files of an evaluation report, all in one folder."""

CHARTS = {  # on the model card, by caption
    "Reliability": "reliability.png",
    "Confident predictions": "coverage.png",
    "Confusion": "confusion.png",
    "Per class": "per_class.png",
    "Slices": "slices.png",
    "Corruptions": "corruptions.png",
    "Learning curve": "curve.png",
}
# The charts of several labels.
LABEL_CHARTS = {"Labels together" if name == "Confusion" else name: file for name, file in CHARTS.items()}
# These show images of the data set, which not everybody who sees the card may see.
GALLERIES = {
    "Misclassified images": "misclassified.png",
    "Near-duplicates": "duplicates.png",
    "Label issues": "label_issues.png",
}
FIGURES = (*CHARTS.values(), *GALLERIES.values())
TABLES = (
    "per_class.csv",
    "confusion_matrix.csv",
    "misclassified.csv",
    "reliability.csv",
    "coverage_test.csv",
    "slices.csv",
    "corruptions.csv",
    "duplicates.csv",
    "label_issues.csv",
)
