"""The model registry: versions with their evidence, the gate, the champion and its history.

Here belong: registering, comparing, promoting, rolling back, reproducing and deploying a version.
Not here: runs (`tracking`).
"""
