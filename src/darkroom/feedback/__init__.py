"""Feedback in review: what users of the service reported, what a reviewer decides, corrections from it.

Not here: the service that receives feedback (`serving`), or training on corrections (`data`).
"""
