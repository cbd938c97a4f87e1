"""How a mirror is written."""

from pathlib import Path

import pytest

from darkroom.data.download.checksums import Checksum
from darkroom.data.download.errors import DownloadError
from darkroom.data.download.mirrors import Mirror, parse_mirror

OFFICIAL = Checksum("md5", "0" * 32)

DIGEST = "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("value", "location", "checksum"),
    [
        ("https://host/a.tar.gz", "https://host/a.tar.gz", OFFICIAL),
        (f" http://host/a#sha256={DIGEST.upper()} ", "http://host/a", Checksum("sha256", DIGEST)),
        ("/data/a.tar.gz", Path("/data/a.tar.gz"), OFFICIAL),
        (f"/data/a#1#sha256={DIGEST}", Path("/data/a#1"), Checksum("sha256", DIGEST)),
        ("/data/Bilder #1/a.tar.gz", Path("/data/Bilder #1/a.tar.gz"), OFFICIAL),
        ("/data/a=b #c=d/a.tar.gz", Path("/data/a=b #c=d/a.tar.gz"), OFFICIAL),
        ("/data/a #1.tar.gz", Path("/data/a #1.tar.gz"), OFFICIAL),
        (f"/data #1/a#sha256={DIGEST}", Path("/data #1/a"), Checksum("sha256", DIGEST)),
        ("file:///data/my%20a.tar.gz", Path("/data/my a.tar.gz"), OFFICIAL),
        ("a.tar.gz", Path.cwd() / "a.tar.gz", OFFICIAL),
    ],
)
def test_parse_mirror_reads_urls_and_paths(value: str, location: str | Path, checksum: Checksum) -> None:
    assert parse_mirror(value, OFFICIAL) == Mirror(location, checksum)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("/data/a#sha256=12", "'sha256=12': after # write sha256= and 64 hexadecimal digits"),
        (f"/data/a#sha256={DIGEST[:-1]}g", "64 hexadecimal"),
        (f"/data/a#md5={DIGEST}", "64 hexadecimal"),
        ("/data/a#", "64 hexadecimal"),
        (f"#sha256={DIGEST}", "expected a URL or the path"),
        ("ftp://host/a", "'ftp://host/a': expected http"),
        ("file://host/a", "expected http"),
        ("https:///a", "expected http"),
        ("http://[::1/a", "not a valid URL"),
    ],
)
def test_a_malformed_mirror_is_refused(value: str, message: str) -> None:
    with pytest.raises(DownloadError) as caught:
        parse_mirror(value, OFFICIAL)
    assert message in str(caught.value)
