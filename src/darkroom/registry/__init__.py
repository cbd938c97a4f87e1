"""The model registry: versions with their evidence, the gate, the champion and its history.

Here belong: registering a version, the gate's rules, comparing, promoting, rolling back, reproducing and
deploying. Not here: runs, and MLflow's SQL tables (both in `tracking`); building a Bento (`serving`).
"""
