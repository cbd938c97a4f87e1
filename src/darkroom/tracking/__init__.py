"""Tracking: the runs in MLflow, and what a result comes from.

The only room besides `registry` that imports MLflow. Not here: registered versions (`registry`).
"""
