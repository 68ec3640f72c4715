"""Patterns against Snakemake's own expressions, and every pattern that cannot work."""

import re

import pytest
from segtrt.data.wildcards import State as Place
from segtrt.data.wildcards import compile_pattern, match_name
from segtrt.errors import SegtrtError


def values(text: str, path: str) -> dict[str, str] | None:
    """What the pattern makes of a whole path, name by name."""
    pattern = compile_pattern(text, "dataset.images")
    states = [Place(pattern, 0, "")]
    *folders, name = path.split("/")
    for folder in folders:
        states = [state for state, _ in match_name(folder, states)[1]]
    ends, _ = match_name(name, states)
    return ends[0][1] if ends else None


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("{subject}/{subject}_{item}.tif", "pat_a/pat_a_6.tif"),
        ("{subject}/{subject}_{item}.tif", "a_b/a_b_1_2.tif"),
        ("{subject}/{subject}_{item}.tif", "a/b_1.tif"),
        ("{subject}_{item}.png", "a_b_1.png"),
        ("images/{item,[0-9]+}.png", "images/17.png"),
        ("images/{item,[0-9]+}.png", "images/x17.png"),
        ("{subject}/{item,[a-z]{2}|x}.png", "s/ab.png"),
        ("imagesTr/{subject}_{channel,[0-9]{4}}.nii.gz", "imagesTr/la_003_0000.nii.gz"),
        ("sub-{subject}/anat/sub-{subject}_{channel}.nii", "sub-1/anat/sub-1_T1w.nii"),
        ("{item}.a+b.png", "1.a+b.png"),
        ("{item}.a+b.png", "1.aab.png"),
    ],
)
def test_matches_as_snakemake_does(text: str, path: str) -> None:
    from snakemake.io import regex_from_filepattern

    match = re.match(regex_from_filepattern(text), path)
    assert values(text, path) == (match.groupdict() if match else None)


def test_a_wildcard_stays_within_one_name() -> None:
    assert values("{item}.png", "a/b.png") is None
    assert values("{subject}/{item}.png", "a/b/c.png") is None


def test_path_and_what_is_known_of_a_pattern() -> None:
    pattern = compile_pattern("imagesTr/{subject}_{channel,[0-9]{4}}.NII.gz", "dataset.images")
    assert pattern.path({"subject": "p 1", "channel": "0000"}) == "imagesTr/p 1_0000.NII.gz"
    assert pattern.suffix == ".nii.gz"
    assert pattern.wildcards == {"subject", "channel"}
    assert not pattern.folder
    series = compile_pattern("{subject}/{item}/", "dataset.images")
    assert (series.folder, len(series.parts), series.path({"subject": "a", "item": "b"})) == (
        True,
        2,
        "a/b",
    )


def test_more_plain_text_counts_as_truer() -> None:
    image = compile_pattern("{subject}/{subject}_{item}.tif", "dataset.images")
    mask = compile_pattern("{subject}/{subject}_{item}_mask.tif", "dataset.masks")
    assert (image.literals, mask.literals) == (len("_.tif"), len("_.tif_mask"))


def test_constraints_of_wildcards_from_outside() -> None:
    pattern = compile_pattern("{subject}_{channel}.nii", "x", (("channel", "t1|flair"),))
    names = [name for name in ("a_t1.nii", "a_flair.nii", "a_seg.nii", "a_t1x.nii")
             if match_name(name, [Place(pattern, 0, "")])[0]]  # fmt: skip
    assert names == ["a_t1.nii", "a_flair.nii"]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "is empty"),
        ("images/1.png", "has no wildcard"),
        ("{patient}/{item}.png", r"has the wildcard \{patient\}, expected \{subject\}, \{item\}"),
        ("/data/{item}.png", "is absolute"),
        ("../{item}.png", "a part that is empty, `.` or `..`"),
        ("a/../{item}.png", "a part that is empty"),
        ("./{item}.png", "a part that is empty"),
        ("a//{item}.png", "a part that is empty"),
        ("a\\{item}.png", "has a backslash"),
        ("{item}/{.png", "a brace that belongs to no wildcard"),
        ("{item.png", "a brace that belongs to no wildcard"),
        ("{item,[0-9}.png", "a constraint that is not valid"),
        ("{item,.+/.+}.png", r"lets \{item\} span folders"),
        ("{item}/{item,[0-9]+}.png", r"constrains \{item\} where it is repeated"),
    ],
)
def test_what_cannot_work_is_refused_in_one_line(text: str, why: str) -> None:
    with pytest.raises(SegtrtError, match=why) as caught:
        compile_pattern(text, "dataset.images")
    assert str(caught.value).startswith(f"dataset.images is {text!r}: it ")
