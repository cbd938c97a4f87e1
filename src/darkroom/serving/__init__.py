"""The service: plain pictures over HTTP in, classes with probabilities out.

Imports neither torch nor MLflow, and inside the package only relatively: a Bento carries this
folder as `src.darkroom.serving`.
"""
