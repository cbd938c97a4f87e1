"""Tracking: the runs in MLflow, MLflow's SQL tables, and the code and environment of a result.

Here belongs what stages log, and every direct access to MLflow's tables. The only room besides `registry`
that imports MLflow. Not here: registered versions (`registry`).
"""
