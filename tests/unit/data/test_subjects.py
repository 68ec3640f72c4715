"""Which subjects the settings ask for."""

from pathlib import Path

import pytest
from segtrt.data.subjects import choose_subjects
from segtrt.errors import SegtrtError

PRESENT = ["anna", "berta", "carla"]


def test_none_asks_for_all_and_a_list_for_its_own_sorted() -> None:
    assert choose_subjects(PRESENT, None, Path("x")) == PRESENT
    assert choose_subjects(PRESENT, ("carla", "anna"), Path("x")) == ["anna", "carla"]


def test_subjects_that_are_not_there_are_named_with_close_ones() -> None:
    with pytest.raises(SegtrtError) as caught:
        choose_subjects(PRESENT, ["ana", "xyz", "berta"], Path("x"))
    assert str(caught.value) == (
        "dataset.subjects names what x does not have: ana (close: anna), xyz; expected names of "
        "its 3 folders"
    )
    many = [f"{place:02d}" for place in range(12)]
    with pytest.raises(SegtrtError, match="08, 09 and 2 more; expected"):
        choose_subjects(PRESENT, many, Path("x"))
