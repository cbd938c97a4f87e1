"""The error of an image that cannot be used."""


class ImageError(Exception):
    """An image that cannot be used.

    Attributes:
        code: for programs; each reason has one.
        message: for people: what is wrong, and what to do.
        status: of the HTTP response.
    """

    def __init__(self, code: str, message: str, status: int = 422) -> None:
        """Describe what is wrong."""
        super().__init__(message)
        self.code, self.message, self.status = code, message, status
