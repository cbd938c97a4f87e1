"""params.yaml means to us what it means to DVC, and a file that cannot be read is refused with its place."""

import math
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from dvc.dependency.param import read_param_file
from dvc.fs import LocalFileSystem
from dvc.utils.serialize import load_yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from darkroom.config import ParamsError, read_yaml
from tests.helpers.checkouts import PROJECT

PARAMS = PROJECT / "params.yaml"

# In YAML 1.1 (PyYAML) many of these are another value.
ODD = (
    *(
        "0500",
        "0o17",
        "0x1F",
        "0b11",
        "1_000",
        "1e3",
        "1e-4",
        "1.5e3",
        "1E+3",
        ".5",
        "1.",
        "-0",
        "+12",
        "0.0",
    ),
    *("1:30", "190:20:30", "685_230.15", "012.5", "08", "0o8", "._5", "1e400", "-.inf", ".NaN", ".INF"),
    *("no", "No", "NO", "off", "yes", "on", "y", "n", "true", "True", "TRUE", "tRUE", "false"),
    *("~", "null", "Null", "", "''", "'12'", '"0500"', "2001-01-01", "2001-01-01 10:00:00 +2", "12:30:45"),
    *("!!str 12", "!!int '3'", "!!float 3", "!!bool no", "!!null x", "=", "<<", "1,5", "1 000", "½", "٣"),
    *(
        "99999999999999999999999",
        "0x_",
        "2001-13-45",
        "!!bool maybe",
        "!!int ''",
        "!!timestamp x",
        "9" * 5000,
    ),
    *(
        "|\n  1\n",
        ">\n  no\n",
        "&x 1",
        "*x",
        "# 1",
        "- 1",
        "[0500, no]",
        "{b: 1:30}",
        "? x",
        "!x 1",
        "%",
        "\ufeff1",
    ),
)
SCALARS = st.one_of(
    st.sampled_from(ODD),
    st.text(alphabet="0123456789_.+-eExob:~nyftrueasloif ,'#", max_size=9),
    st.floats().map(repr),
    st.integers().map(str),
)


def same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of one type, as far down as they go; NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and math.isnan(one):
        return math.isnan(other)
    return bool(one == other)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(scalar=SCALARS)
def test_every_scalar_has_the_value_that_dvc_reads(scalar: str, tmp_path: Path) -> None:
    assert_same_as_dvc(tmp_path / "params.yaml", scalar)


@pytest.mark.parametrize("scalar", ODD)
def test_odd_scalars_have_the_value_that_dvc_reads(scalar: str, tmp_path: Path) -> None:
    assert_same_as_dvc(tmp_path / "params.yaml", scalar)


def assert_same_as_dvc(path: Path, scalar: str) -> None:
    path.write_text(f"first: {scalar}\nlast: 0\n", encoding="utf-8")
    try:
        theirs = load_yaml(path)
    except Exception:  # DVC lets through what a conversion raises
        with pytest.raises(ParamsError, match=r"line \d+, column \d+: "):
            read_yaml(path)
        return
    assert same(read_yaml(path), theirs)
    tracked = read_param_file(LocalFileSystem(), str(path), ["first"], flatten=True)
    assert same(read_yaml(path)["first"], tracked["first"])


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_params_yaml_itself_is_read_as_dvc_reads_it(mark: str, end: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes((mark + PARAMS.read_text(encoding="utf-8").replace("\n", end)).encode())
    assert same(read_yaml(path), load_yaml(PARAMS))
    assert same(load_yaml(path), load_yaml(PARAMS))


def refusal(path: Path) -> str:
    with pytest.raises(ParamsError) as caught:
        read_yaml(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message.removeprefix(str(path))


BOMB = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]" for level in range(1, 12)]
)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a: 1\nb: 2\na: 3\n", ", line 3, column 1: the key 'a' is given twice, first in line 1, column 1: "),
        (
            "t:\n  a: 1\n  'a': 2\n",
            ", line 3, column 3: the key 'a' is given twice, first in line 2, column 3: ",
        ),
        ("t: {a: 1, a: 2}", ", line 1, column 11: the key 'a' is given twice, first in line 1, column 5: "),
        ("x: &x {a: 1}\ny:\n  <<: *x\n  <<: *x\n", ", line 4, column 3: the key '<<' is given twice"),
        ("1: x\n0x1: y\n", ", line 2, column 1: the key '0x1' is given twice, in another spelling: "),
        ("- a\n- b\n", " holds a list, but must hold keys with values"),
        ("text", " holds text, but must hold keys with values"),
        ("", " is empty: "),
        ("# nothing\n", " is empty: "),
        ("---\n", " is empty: "),
        ("a: 1\n---\nb: 2\n", ", line 2, column 1: another document begins here (---)"),
        ("a:\n\tb: 1\n", ", line 2, column 1: a tab: YAML is indented with spaces"),
        ("a: [1, 2\nb: 3\n", ", line 2, column 2: this is not YAML: "),
        ("a: 1\n b: 2\n", ", line 2, column 3: this is not YAML: mapping values are not allowed here"),
        ("a: *x\n", ", line 1, column 4: this is not YAML: found undefined alias 'x'"),
        ("a: &a\n  b: *a\n", ": a.b contains itself by an alias (*): "),
        ("a: &a [[*a]]\n", ": a.0.0 contains itself by an alias (*): "),
        (BOMB, " has more than 100,000 values"),
        ("a: " + "[" * 5000 + "]" * 5000, " is nested too deeply"),
        (
            "a: !!python/object/apply:os.system [x]\n",
            ": the value is of type !!python/object/apply:os.system",
        ),
        ("a: !vault x\n", ", line 1, column 4: the value is of type !vault, which cannot be read"),
        ("a: 1\nb: !!bool maybe\n", ", line 2, column 4: the value 'maybe' cannot be read as !!bool"),
        (
            "a: 2001-13-45\n",
            ", line 1, column 4: the value '2001-13-45' cannot be read as !!timestamp: month",
        ),
        ("a: " + "9" * 5000, "…' cannot be read as !!int: Exceeds the limit"),
        ("1: x\n", ", line 1, column 1: the key 1 is a number, but keys are text"),
        ("a:\n  true: x\n", "the key True is true or false, but keys are text"),
        ("a: x\x00y\n", r", line 1, column 5: the character '\x00' is not allowed in YAML"),
        ("a: 1\nb: \x1b[2J\n", r", line 2, column 4: the character '\x1b' is not allowed in YAML"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8", newline="")
    assert complaint in refusal(path)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("a: ü".encode("utf-16"), " is in UTF-16: save it as UTF-8"),
        (b"\xfe\xff" + "a: ü".encode("utf-16-be"), " is in UTF-16: save it as UTF-8"),
        ("a: ü".encode("utf-32"), " is in UTF-32: save it as UTF-8"),
        ("a: 1".encode("utf-16-le"), r", line 1, column 2: the character '\x00' is not allowed"),
        (
            "a: 1\n# für\n".encode("latin-1"),
            ", line 2, column 4: the byte 0xfc is not UTF-8: save the file as",
        ),
        ("# é\nb: “".encode("cp1252"), ", line 1, column 3: the byte 0xe9 is not UTF-8"),
        (b"\x89PNG\r\n\x1a\n", ", line 1, column 1: the byte 0x89 is not UTF-8"),
        (b"a: 1\n" * 300_000, " is larger than 1,000,000 bytes"),
    ],
    ids=["utf-16-le", "utf-16-be", "utf-32", "utf-16-without-mark", "latin-1", "windows-1252", "png", "huge"],
)
def test_other_encodings_are_named(content: bytes, complaint: str, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    assert complaint in refusal(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path) == " is a folder, not a file"
    assert " does not exist: " in refusal(tmp_path / "params.yaml")
    (tmp_path / "dangling").symlink_to(tmp_path / "gone")
    assert " does not exist: " in refusal(tmp_path / "dangling")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    assert " cannot be read: " in refusal(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    assert refusal(tmp_path / "pipe") == " is not a regular file"


def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("a: 1\n")
    path.chmod(0)
    if os.geteuid():
        assert " cannot be read by this user" in refusal(path)
        return
    script = f"""
import os, pathlib
from darkroom.config import ParamsError, read_yaml
os.setuid(65534)  # root may read everything
try:
    read_yaml(pathlib.Path({str(path)!r}))
except ParamsError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"{path} cannot be read by this user")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    content=st.binary(max_size=60)
    | st.text(alphabet="ab:-[]{}?!&*#|>%@`'\"\\<,0123 \n\t", max_size=40).map(str.encode)
)
@example(content=b"a: !!binary ???")
@example(content=b"!!omap [a: 1]")
@example(content=b"!!set {a}")
@example(content=b"? [a]\n: 1")
@example(content=b"%YAML 3.0\n---\na: 1")
@example(content=b"a: &x 1\nb: &x 2")
@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
def test_any_content_is_read_or_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with suppress(ParamsError):
        assert isinstance(read_yaml(path), dict)


def test_anchors_and_merge_keys_are_read_as_dvc_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text("x: &x {a: 1, b: 2}\ny: {<<: *x, a: 3}\nz: *x\n")
    assert (
        read_yaml(path)
        == load_yaml(path)
        == {"x": {"a": 1, "b": 2}, "y": {"a": 3, "b": 2}, "z": {"a": 1, "b": 2}}
    )
