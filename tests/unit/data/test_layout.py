"""Layouts that work together or not, names in order and in one line."""

import pytest
from segtrt.data.layout import KAGGLE, Layout, natural, printable
from segtrt.errors import SegtrtError


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("{channel}.png",), r"has neither \{subject\} nor \{item\}"),
        (("{item}.png", None, ("a",)), r"lacks \{channel\}, yet dataset.channels is set"),
        (("{item}_{channel}.png", None, ()), "expected one or more names, each once"),
        (("{item}_{channel}.png", None, ("a", "a")), "expected one or more names, each once"),
        (("{item}.png", "{item}.png"), "is the pattern of the images as well"),
        (("{item}.png", "m/{subject}.png"), r"other wildcards than the images', expected \{item\}"),
        (("{item}_{channel}.png", "m/{item}_{channel}.png"), r"expected \{item\}"),
        (("{subject}/{item}.png", "m/{item}.png"), r"expected \{subject\} and \{item\}"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple, why: str) -> None:
    with pytest.raises(SegtrtError, match=why):
        Layout(*arguments)


def test_subject_and_output() -> None:
    assert KAGGLE.subject_of({"subject": "a", "item": "1"}) == "a"
    assert Layout("{item}.png").subject_of({"item": "1"}) == "1"
    for images, values, expected in (
        ("ct/{subject}_{channel,[0-9]{4}}.nii.gz", {"subject": "p"}, "ct/p.nii.gz"),
        ("{subject}/{channel}/{item}.png", {"subject": "p", "item": "1"}, "p/1.png"),
        ("{subject}/{channel}.nii.gz", {"subject": "p"}, "p"),
        ("{subject}/{item}/", {"subject": "p", "item": "ct"}, "p/ct"),
    ):
        assert Layout(images).output(values) == expected


def test_numbers_sort_by_value() -> None:
    names = ["a10", "a9", "a", "b1", "a09", "10", "9", "a9b", "a9.5", str(10**30)]
    assert sorted(names, key=natural) == [
        "9", "10", str(10**30), "a", "a09", "a9", "a9.5", "a9b", "a10", "b1",
    ]  # fmt: skip


def test_printable_names() -> None:
    assert printable("müller 1") == "müller 1"
    assert printable("two\nlines\t") == "two\\nlines\\t"
    assert printable("m\udcfcller") == "m\\xfcller"
    assert printable("\u202ereversed").isprintable()
