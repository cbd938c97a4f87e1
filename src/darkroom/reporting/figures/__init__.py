"""Figures: PNG files in one style, a kind of figure a file."""
