"""McNemar's exact test: whether two classifiers are equally good on the same images."""


def mcnemar_p(only_first: int, only_second: int) -> float:
    """Return the two-sided p-value of McNemar's exact test (Q. McNemar, Psychometrika 12, 1947).

    If the classifiers are equally good, an image that only one of them classifies correctly is as likely the
    first's as the second's.

    >>> mcnemar_p(3, 0), mcnemar_p(0, 0)
    (0.25, 1.0)

    Args:
        only_first: images that only the first classifies correctly.
        only_second: images that only the second classifies correctly.
    """
    from scipy.stats import binomtest  # takes half a second to import, and few stages compare classifiers

    differ = only_first + only_second
    return float(binomtest(only_first, differ).pvalue) if differ else 1.0
