"""Processes: the BentoML service, its supervisor, the hand-over of the socket, building a Bento."""
