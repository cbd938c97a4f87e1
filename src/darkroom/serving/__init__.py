"""The service: it takes images over HTTP and responds with classes and their probabilities.

Rooms, from top to bottom: `process`, `http`, `monitoring`, `prediction`; the files beside them are shared by
all. A Bento contains this folder and `images` as `src.darkroom`, so nothing here imports torch, MLflow or
other packages of Darkroom, and imports are relative.
"""
