"""Review of feedback: what users of the service reported, what a reviewer decides, corrections from it.

Here belong: the feedback folder, decisions, the table and the gallery to decide in, the export.
Not here: the service that receives feedback (`serving`), or training on corrections (`data`).
"""
