"""Training: one loop for every network, resumable from its checkpoints.

Here belong: the loop, losses, optimizers, weight averaging, checkpoints, what a training writes.
Not here: the search for hyper-parameters (tuning), or figures of a finished training (reporting).
"""
