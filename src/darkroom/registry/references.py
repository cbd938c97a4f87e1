"""How people refer to versions of registered models."""


def split_version(reference: str) -> tuple[str | None, str]:
    """Return the model that a reference to a version names, None where it names none, and the version.

    The forms with a model are MLflow's: `models:/NAME/3` and `models:/NAME@champion`.

    >>> split_version("3"), split_version("v3"), split_version("Champion")
    ((None, '3'), (None, '3'), (None, 'champion'))
    >>> split_version("digits@champion"), split_version("models:/darkroom-digits/3")
    (('digits', 'champion'), ('darkroom-digits', '3'))
    """
    text = reference.strip().removeprefix("models:/")
    for separator in ("@", "/"):
        model, found, version = text.rpartition(separator)
        if found and model and version:
            return model, _version(version)
    return None, _version(text)


def _version(text: str) -> str:
    lower = text.lower()
    if lower.removeprefix("v").isdecimal():
        return str(int(lower.removeprefix("v")))
    return lower if lower == "champion" else text
