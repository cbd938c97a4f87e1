"""The scan of people's own images: from the files of a source to a manifest with a row for each image.

The manifest says of each image its class, split, group, size and hashes. What is left out has a reason.
"""
