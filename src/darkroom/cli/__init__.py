"""The command line, `python -m darkroom`: a file for each group of commands.

Here belong: arguments, and what is printed. Not here: anything that a Python program would want to call.
Modules import only click and the standard library at the top, so that a command starts fast.
"""
