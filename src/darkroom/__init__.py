"""Darkroom: labelled images in; a tuned, tracked, registered and served classifier out.

Importing the package imports nothing heavy: the service runs without torch and MLflow.
"""

__version__ = "0.1.0"
