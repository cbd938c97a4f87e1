"""The command line: `python -m darkroom`, a file for each group of commands.

Here belong: arguments, and what is printed. Not here: anything a Python program would want to call.
"""
