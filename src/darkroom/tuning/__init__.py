"""Tuning: the hyper-parameter search with Optuna, by any number of workers.

Here belong: the study and its storage, samplers, pruners, the training of a trial, workers, Ray.
Not here: what params.yaml may say about a search (`config`), figures of a study (`reporting`).
"""
