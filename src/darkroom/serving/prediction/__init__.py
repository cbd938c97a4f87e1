"""Prediction: the exported graph, its runtime, batching and the queue before it."""
