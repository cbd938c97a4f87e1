"""Exporting: the graph that is served, and the measurements that decide whether and how it may be served.

Here belong: the export to ONNX, its parity with torch, its precision and latency, the files beside it.
Not here: running the graph in the service (serving/prediction).
"""
