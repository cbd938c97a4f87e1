"""S3 and Google Cloud Storage by pyarrow, which is here anyway: for when s3fs and gcsfs are not installed."""

import os
from functools import lru_cache
from typing import Any

from fsspec.implementations.arrow import ArrowFSWrapper
from pyarrow import fs

SCHEMES = ("s3", "s3a", "gs", "gcs")


class ObjectStore(ArrowFSWrapper):  # type: ignore[misc]  # it ships no types
    """A bucket: all below a prefix is listed in one go, with the times at which the objects changed."""

    def find(self, path: str, maxdepth: Any = None, withdirs: bool = False, **kwargs: Any) -> dict[str, Any]:
        """Return what is known of each object below `path` by its name."""
        found = self.fs.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
        return {
            info.path: {"name": info.path, "size": info.size, "type": "file", "mtime": info.mtime_ns}
            for info in found
            if info.is_file
        }


def open_object_store(url: str) -> ObjectStore:
    """Return what reads the bucket of a URL. Raises OSError where the bucket cannot be reached.

    Credentials are found as the makers' own tools find them. The variables are those that s3fs reads too.
    """
    scheme, _, rest = url.partition("://")
    return _bucket(scheme, rest.partition("/")[0])


@lru_cache(8)
def _bucket(scheme: str, bucket: str) -> ObjectStore:
    anonymous = os.environ.get(f"FSSPEC_{scheme.upper()}_ANON", "").lower() in ("true", "1")
    if scheme in ("gs", "gcs"):
        return ObjectStore(fs.GcsFileSystem(anonymous=anonymous))
    endpoint = os.environ.get("FSSPEC_S3_ENDPOINT_URL") or os.environ.get("AWS_ENDPOINT_URL", "")
    options: dict[str, Any] = {"anonymous": anonymous}
    if endpoint:
        options["scheme"], _, options["endpoint_override"] = endpoint.rpartition("://")
        options["scheme"] = options["scheme"] or "https"
        options["region"] = os.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    else:
        options["region"] = fs.resolve_s3_region(bucket)
    return ObjectStore(fs.S3FileSystem(**options))
