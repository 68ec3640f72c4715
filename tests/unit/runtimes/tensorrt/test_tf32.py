"""TF32 is forbidden while a float32 engine is built or loaded, and at no other time."""

import os

import pytest
from segtrt.precision import Precision
from segtrt.runtimes.tensorrt.tf32 import VARIABLE, tf32_only_if_wanted


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)


def test_float32_forbids_it_for_the_block_even_on_errors():
    with pytest.raises(RuntimeError), tf32_only_if_wanted(Precision.FP32):
        assert os.environ[VARIABLE] == "0"
        raise RuntimeError
    assert VARIABLE not in os.environ


def test_a_mix_is_float32_in_part_and_forbids_it_too():
    with tf32_only_if_wanted(Precision.MIXED):
        assert os.environ[VARIABLE] == "0"


@pytest.mark.parametrize(
    "precision", [p for p in Precision if p is not Precision.FP32 and not p.is_mix]
)
def test_other_precisions_leave_it_alone(precision: Precision):
    with tf32_only_if_wanted(precision):
        assert VARIABLE not in os.environ


def test_what_the_user_set_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(VARIABLE, "1")
    with tf32_only_if_wanted(Precision.FP32):
        assert os.environ[VARIABLE] == "1"
    assert os.environ[VARIABLE] == "1"
