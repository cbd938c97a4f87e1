"""Reports: figures and pages made from numbers that other rooms computed.

Here belong: figures, the evaluation report, the model card, the pages on studies, drift and changes.
"""
