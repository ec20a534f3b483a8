"""The strict reader of JSON and YAML, archives, regular files and names."""

import os
import socket
import time
import zipfile
from pathlib import Path

import pytest
from pydantic import BaseModel

from quietscope.errors import ImageFileError, SettingsError
from quietscope.io import read_image
from quietscope.outside.archive import ArchiveError, check_unpacked, read_member
from quietscope.outside.bounded import Single
from quietscope.outside.plain_data import MalformedError, parse_json, parse_yaml, validated
from quietscope.outside.regular_file import irregular, read_bounded
from quietscope.outside.shown import shown, shown_lines

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 10)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 100_000, "nested"),
        ("[" * 70 + "]" * 70, "nested"),
        ("9" * 5000, "5,000 digits"),
        (str(2**63), "64 bits"),
        ("1e400", "inf"),
        ('{"a": NaN}', "NaN"),
        ("[-Infinity]", "Infinity"),
        ("{", "no JSON"),
        ('"' + "x" * 5_000_000 + '"', "bytes"),
        (b"\xff\xfe", "no JSON"),
    ],
)
def test_json_beyond_its_bounds(text: str | bytes, said: str) -> None:
    with pytest.raises(MalformedError, match=said) as found:
        parse_json(text)
    assert len(str(found.value)) < 300


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "aliases"),
        ("a: &a [*a]", "alias inside"),
        ("x: " + "[" * 3000 + "]" * 3000, "nested"),
        ("x: " + "9" * 5000, "cannot be read"),
        ("x: .inf", "inf"),
        ("x: 1.0e+999", "inf"),
        ("x: !!python/object:os.system ls", "no YAML"),
        ("x: !!binary aGVsbG8=", "bytes"),
        ("x: 'never closed", "no YAML"),
        ("x: " + "y" * 200_000, "bytes"),
    ],
)
def test_yaml_beyond_its_bounds(text: str, said: str) -> None:
    with pytest.raises(MalformedError, match=said) as found:
        parse_yaml(text)
    assert len(str(found.value)) < 300


def test_plain_values_come_out_as_they_are() -> None:
    assert parse_json('{"a": [1, 2.5, true, null, "\\u00e9"]}') == {"a": [1, 2.5, True, None, "é"]}
    text = "a: &x [1, 2]\nb: *x\n3: yes\nwhen: 2026-01-02\n"
    assert parse_yaml(text) == {"a": [1, 2], "b": [1, 2], "3": "yes", "when": "2026-01-02"}
    assert parse_yaml("") is None


def test_records_are_validated_in_one_line() -> None:
    class Numbers(BaseModel):
        gain: Single

    assert validated(Numbers, {"gain": 2}).gain == 2.0
    with pytest.raises(MalformedError, match="gain = 1e\\+300"):
        validated(Numbers, {"gain": 1e300})
    with pytest.raises(MalformedError, match=r"gain = 'x+\.\.\.") as found:
        validated(Numbers, {"gain": "x" * 10_000})
    assert len(str(found.value)) < 300


def test_an_archive_unpacks_no_further_than_it_may(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("rdf.yaml", b"0" * 50_000_000)
        archive.writestr("small", b"fine")
    began = time.process_time()
    with pytest.raises(ArchiveError, match="unpacks to more"):
        read_member(path, "rdf.yaml", 1000)
    with pytest.raises(ArchiveError, match="unpacks to more"):
        check_unpacked(path, 1000)
    assert time.process_time() - began < 1.0  # nothing of it is unpacked
    assert read_member(path, "small", 1000) == b"fine"
    with pytest.raises(ArchiveError, match="cannot be unpacked"):
        read_member(path, "missing", 1000)
    path.write_bytes(b"PK no archive")
    with pytest.raises(ArchiveError, match="damaged"):
        read_member(path, "small", 1000)


def test_pipes_sockets_and_devices_are_told_from_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.tif")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        assert irregular(tmp_path / "socket") == "a socket"
    assert irregular(tmp_path / "pipe.tif") == "a named pipe"
    assert irregular("/dev/zero") == "a device"
    assert [irregular(tmp_path), irregular(tmp_path / "nothing"), irregular("a\0b")] == [None, None, None]
    with pytest.raises(ImageFileError, match="a named pipe"):
        read_image(tmp_path / "pipe.tif")
    with pytest.raises(SettingsError, match="a device"):
        read_bounded(Path("/dev/zero"), 10, SettingsError, "a file")
    (tmp_path / "long").write_bytes(b"x" * 11)
    with pytest.raises(SettingsError, match="at most 10 bytes"):
        read_bounded(tmp_path / "long", 10, SettingsError, "a file")


def test_names_are_shown_without_what_moves_a_cursor() -> None:
    assert shown("größe 日本.tif") == "größe 日本.tif"
    assert shown(os.fsdecode(b"a\xff\x1b[31m\n.tif")) == r"a\udcff\x1b[31m\n.tif"
    assert shown("exe\u202etif") == r"exe\u202etif"
    assert shown_lines("a\x07\nb") == "a\\x07\nb"
