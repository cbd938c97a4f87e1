"""Monitoring: drift, the prediction log and user feedback, all outside a request's critical path.

Here belong: what is computed or kept of a prediction after it was returned. Not here: the metrics that
all rooms of the service count (`serving/metrics.py`) and the pages drawn from logs (`darkroom.reporting`).
"""
