"""Ensembles: members of several kinds, and which of them are averaged with which weights.

Here belong: the choice of members on the validation images, soups of weights, and what is reported of them.
Not here: the net that the members become (`darkroom.models.ensemble`).
"""
