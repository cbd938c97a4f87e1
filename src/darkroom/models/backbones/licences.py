"""What the licence of pretrained weights means for who uses them."""

import re

UNKNOWN = "not known"  # of weights in a file of one's own that does not state a licence
# In the names of licences (SPDX's, and those of model hubs): Creative Commons' NC, PolyForm Noncommercial, …
NON_COMMERCIAL = re.compile(r"\bnc\b|non-?\s?commercial|research[- ]only|\bamlr\b", re.IGNORECASE)


def licence_warning(licence: str) -> str | None:
    """Return what to know before weights of `licence` are used; None where it forbids no commercial use.

    It looks at the name of the licence alone.

    >>> licence_warning("CC-BY-NC-4.0")
    "The licence of the backbone's weights, CC-BY-NC-4.0, forbids commercial use, also of a model on them."
    >>> licence_warning("Apache-2.0")
    """
    if licence == UNKNOWN:
        return (
            "The licence of the backbone's weights is not known: whether the model may be used is for you to "
            "find out."
        )
    if NON_COMMERCIAL.search(licence):
        return (
            f"The licence of the backbone's weights, {licence}, forbids commercial use, also of a model on "
            "them."
        )
    return None
