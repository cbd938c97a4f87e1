"""Corrections: reviewed images that join the training images, without any copy of a held-out image.

Here belong: reading their folder (`reading`), recognising altered copies (`copies`), the decision on each
(`merging`). Not here: the review that writes the folder (`feedback`).
"""
