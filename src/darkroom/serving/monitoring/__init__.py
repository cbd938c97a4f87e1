"""Monitoring: drift, the prediction log and feedback, off the path of a request."""
