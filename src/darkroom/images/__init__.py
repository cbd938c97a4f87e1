"""Images: from the bytes of a file to the pixels a model sees.

Here belong: decoding, resizing, formats and limits, and statistics of single images. Training, command line
and service share them, and a Bento carries this folder, so imports inside it are relative and few.
"""
