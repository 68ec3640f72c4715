"""Keys given twice in one file."""

from pathlib import Path

import pytest
from segtrt.config.duplicates import refuse_duplicates
from segtrt.errors import SegtrtError


def refused(*files: Path) -> str:
    with pytest.raises(SegtrtError) as caught:
        refuse_duplicates(files)
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "engines:\n  profile: static\nreport:\nengines:\n  precisions: [fp32]\n",
            "gives engines in line 1 and again in line 4",
        ),
        (
            "engines:\n  calibration:\n    slices: 1\n    slices: 2\n",
            "gives engines.calibration.slices in line 3 and again in line 4",
        ),
        ("report: {title: a, title: b}", "gives report.title in line 1 and again in line 1"),
        (
            "tensors:\n  samples:\n    - {subject: a, slice: 1}\n    - {subject: a, subject: b}\n",
            "gives tensors.samples[1].subject in line 4 and again in line 4",
        ),
        ('"report": {}\nreport: {}\n', "gives report in line 1 and again in line 2"),
        ('{\n\t"model": {},\n\t"model": {"opset": 18}\n}', "gives model in line 2 and again in"),
    ],
)
def test_a_key_given_twice_is_named_with_file_and_lines(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    assert f"{file} {message}" in refused(file)


def test_every_file_and_key_is_named_once(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yaml", tmp_path / "two.yaml"
    one.write_text("a: 1\na: 2\nb: 1\nb: 2\na: 3\n")
    two.write_text("c: 1\nc: 2\n")
    message = refused(one, two, one)
    assert message.count("one.yaml") == 3 and message.count("two.yaml") == 1
    assert "gives a in line 1 and again in line 5" in message


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a: 1\nb: {a: 1}\nc: {a: 1}\n",
        "x: &x {a: 1}\ny: &y {b: 1}\nz:\n  <<: *x\n  <<: *y\n  a: 2\nw: *x\n",
        '1: a\n"1": b\n',
        "- a\n- a\n",
        "a: [1\n",
    ],
)
def test_what_is_given_once_passes(text: str, tmp_path: Path) -> None:
    """Merged mappings and aliases too; what is no YAML is refused by who reads it."""
    file = tmp_path / "settings.yaml"
    file.write_text(text)
    refuse_duplicates([str(file)])


def test_files_that_are_not_here_are_left_to_their_reader(tmp_path: Path) -> None:
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    refuse_duplicates([tmp_path / "absent", tmp_path, tmp_path / "binary.yaml", "s3://a/b.yaml"])


def test_the_committed_files_pass(project_root: Path) -> None:
    refuse_duplicates([project_root / "config.yaml", *project_root.glob("config/*.yaml")])
