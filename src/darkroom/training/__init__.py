"""Training: one loop for every network, resumable from its checkpoints.

Here belong: the loop, losses, optimizers, weight averaging, checkpoints. Not here: searching for parameters.
"""
