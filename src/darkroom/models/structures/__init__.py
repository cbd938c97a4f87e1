"""Structures over labels: what turns independent scores of labels into joint ones, one file a method.

Each takes calibrated logits float [B,L], whose sigmoids are probabilities of each label by itself, and gives
marginal probabilities and most probable sets. They are not in the pipeline yet (docs/multilabel.md).
"""
