"""The evaluation report of several labels: the files of `evaluation_report`, of sets of labels.

Parts that have no meaning for several labels yet (confusion of classes, slices, corruptions) are written as
figures that say so, and as tables without rows.
"""
