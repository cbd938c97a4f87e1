"""From the bytes of images to probabilities: the exported graph, its runtime, batching and the queue.

Nothing here knows HTTP beyond the refusals in `errors`; decoding of images is in `darkroom.images`.
"""
