"""Parameters: `params.yaml` as a frozen, typed tree.

Here belong: a file for each section of params.yaml, reading it, and the messages of what is wrong with it.
Not here: what a parameter does. Imports no other room.
"""
