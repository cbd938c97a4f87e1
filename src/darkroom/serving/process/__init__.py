"""Processes: the BentoML service, the supervisor that replaces its Bentos, and building a Bento.

Here belong: what starts, stops or packages processes of the service. Not here: what a request does, which is
in `http` and `prediction`. Only `service.py` and `notify.py` are part of a Bento.
"""
