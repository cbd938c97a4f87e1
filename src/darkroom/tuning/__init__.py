"""Tuning: the hyper-parameter search with Optuna, on any number of workers.

Here belong: the study, its search space and pruning, workers, Ray.
Not here: figures of a study (`reporting`).
"""
