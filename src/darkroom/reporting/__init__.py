"""Figures and pages made from numbers that other rooms computed.

Here belong figures, the evaluation report, the model card, and the pages about studies, drift and changes.
Not here: what computes a number (`evaluation`, `tuning`), and what decides by it (`registry`).
"""
