"""The service: images over HTTP in, classes with probabilities out.

Imports neither torch nor MLflow, and of Darkroom only `images`, relatively: a Bento carries both folders as
`src.darkroom`. Rooms, from top to bottom: `process`, `http`, `monitoring`, `prediction`; the files beside
them are what all of them share.
"""
