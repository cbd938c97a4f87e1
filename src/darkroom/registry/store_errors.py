"""MLflow's errors as errors of the registry."""

from collections.abc import Iterator
from contextlib import contextmanager

from darkroom.registry.store import RegistryError
from darkroom.tracking.store_errors import TrackingError, tracking_errors


@contextmanager
def registry_errors(uri: str) -> Iterator[None]:
    """Turn the errors of MLflow about a store that is broken or does not respond into RegistryError."""
    try:
        with tracking_errors(uri):
            yield
    except RegistryError:
        raise
    except TrackingError as error:
        raise RegistryError(str(error)) from error
