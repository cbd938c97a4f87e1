"""Figures: one kind of figure a file, each drawing tables of numbers as a PNG in one style.

Here belongs how numbers are drawn; `style.py` has what all figures share, `checks.py` what they require.
Not here: computing the numbers (`evaluation`, `tuning`) and putting figures into pages (`reporting`).
"""
