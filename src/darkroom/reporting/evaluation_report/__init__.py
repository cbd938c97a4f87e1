"""The evaluation report: one file a part, each writing its tables and figures and returning its numbers.

`report.py` has the list of the parts, `inputs.py` what all of them are computed from, `outputs.py` the
names of the files. Not here: how a number is computed (`evaluation`) or a figure is drawn (`figures`).
"""
