"""From the bytes of an image file to the pixels that a model sees.

Here belong formats and limits, decoding, resizing, and statistics of single images. Training, the command
line and the service share them, and a Bento contains this folder: its imports are relative, and it imports
nothing else of Darkroom.
"""
