"""Downloading an archive: mirrors in turn, resumed, verified, unpacked.

Here belong: checksums, one HTTP transfer, retries, unpacking.
Not here: what the files of a data set mean (sources).

No library does this instead (measured with tests/data/download): pooch 1.9 verifies and
retries, but fails 19 of the 30 tests of a transfer. It starts a broken transfer from its first byte, where
CIFAR-10's official host gives 55 kB/s, retries what cannot succeed, and takes any amount of data. fsspec's
`get_file` and urllib3's `Retry` do not resume a file either.
"""
