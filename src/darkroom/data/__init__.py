"""Data sets: from a source to splits that training can read.

Here belong: sources, downloading, splits on disk, augmentation, corrections, duplicates.
Not here: models, or figures about a model's predictions.
"""
