"""The HTTP side of the service: what happens to a request before and after its prediction.

Here belong routes, forms and responses, limits, authentication, and connections. What computes a prediction
is `prediction`, what keeps it is `monitoring`, and what starts workers is `process`.
"""
