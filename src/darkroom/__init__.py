"""Darkroom: labelled images in; a tuned, tracked, registered and served classifier out.

Importing the package imports nothing heavy: the service runs without torch and MLflow.
"""

__version__ = "0.1.0"


class UserError(ValueError):
    """An error for the person who typed the command: its message says what was wrong and what to do.

    Stages and commands end with the message and without a traceback.
    """
