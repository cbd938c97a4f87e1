"""Downloading an archive: mirrors in turn, resumed, verified, unpacked.

Here belong: checksums, one HTTP transfer, retries, unpacking. Not here: what a data set's files mean (sources).
No library replaces it: pooch 1.9 verifies and tries again, but starts a broken transfer from its first byte
(CIFAR-10's official host gives 55 kB/s), and fsspec, requests and urllib3's Retry do not resume a file either.
"""
