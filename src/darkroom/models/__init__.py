"""Models: networks, the classifier around them, heat maps, and the exported graph.

Here belong: architectures, inference over a whole split, export to ONNX, the hardware models run on.
Not here: how weights are trained (training), or figures about predictions (evaluation).
"""
