"""Numbers about predictions: metrics, calibration, corruptions, slices, label issues.

Here belongs what takes probabilities and labels and returns numbers or tables of them.
Not here: figures and pages (`reporting`), and the decision that follows from the numbers (`registry`).
"""
