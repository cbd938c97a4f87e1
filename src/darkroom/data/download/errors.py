"""What can go wrong in a download."""


class DownloadError(RuntimeError):
    """The data cannot be downloaded; the message names each mirror tried, what it sent and what to do."""


class TemporaryError(Exception):
    """The transfer failed in a way that may pass: try again."""


class MirrorError(Exception):
    """This mirror does not have the file: try the next one."""
