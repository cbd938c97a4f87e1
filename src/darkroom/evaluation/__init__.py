"""Evaluation: numbers about predictions.

Here belong: metrics, calibration, corruptions, slices, label issues.
Not here: figures and pages (`reporting`).
"""
