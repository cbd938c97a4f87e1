"""Predictions on this machine without the service: `darkroom predict` and `darkroom.load`.

The same decoder, graph and runtime as the service's, so the same numbers; neither torch nor MLflow is
imported, but for the download of a model from a registry on a server.
"""
