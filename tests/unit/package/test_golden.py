"""Golden samples: written, read back or refused, and compared with what an engine answers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from segtrt.arrays import Images, Outputs
from segtrt.errors import SegtrtError
from segtrt.package.golden import Golden, compare, read_golden, write_golden
from segtrt.quality.decode import Decoder
from segtrt.quality.sample_limits import SampleLimits

PATCH, OUTPUT = (2, 4, 6), (1, 4, 6)
DECODER = Decoder("sigmoid")


def sample(seed: int) -> Golden:
    rng = np.random.default_rng(seed)
    output = rng.random((1, *OUTPUT)).astype(np.float32)
    image = rng.normal(size=(1, *PATCH)).astype(np.float32)
    return Golden(image, output, DECODER.labels(output[0], "sample"))


SAMPLES = [sample(seed) for seed in range(3)]


class Answers:
    """A session that answers the samples as `change` makes of what is expected."""

    batch_size = 2

    def __init__(self, change: Callable[[Outputs], Outputs]) -> None:
        self.change = change

    def run(self, images: Images) -> Outputs:
        assert len(images) <= self.batch_size
        known = {one.image.tobytes(): one.output for one in SAMPLES}
        return self.change(np.concatenate([known[image[None].tobytes()] for image in images]))


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_golden(SAMPLES, tmp_path)
    for one, other in zip(SAMPLES, read_golden(tmp_path, 3, PATCH, OUTPUT), strict=True):
        for name in ("image", "output", "labels"):
            assert np.array_equal(getattr(one, name), getattr(other, name))


def huge(path: Path) -> None:
    """A header that claims far more than there is."""
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1, 99999999, 99999, 999), }"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "missing": Path.unlink,
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "empty": lambda path: path.write_bytes(b""),
    "another shape": lambda path: np.save(path, np.zeros((1, 3, 4, 6), np.float32)),
    "another type": lambda path: np.save(path, np.zeros((1, *PATCH))),
    "objects": lambda path: np.save(path, np.array([{}], object), allow_pickle=True),
    "an archive": lambda path: np.savez(path.open("wb"), np.zeros(3)),
    "huge": huge,
    "not finite": lambda path: np.save(path, np.full((1, *PATCH), np.nan, np.float32)),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_sample_is_named(tmp_path: Path, damage: str) -> None:
    write_golden(SAMPLES, tmp_path)
    DAMAGE[damage](tmp_path / "1/input.npy")
    with pytest.raises(SegtrtError, match=r"1/input\.npy"):
        read_golden(tmp_path, 3, PATCH, OUTPUT)


def test_the_right_answers_differ_by_nothing() -> None:
    found = compare(Answers(lambda outputs: outputs), SAMPLES, DECODER)
    assert found.errors.max_abs_error == 0
    assert found.errors.patches == 3
    assert found.flipped_pixels == (0, 0, 0)
    assert SampleLimits(0, 0, 0).broken(found.errors) == []


def test_what_differs_is_counted_for_each_sample() -> None:
    def change(outputs: Outputs) -> Outputs:
        changed = outputs.copy()
        changed[0, 0, 0, 0] = 1 - changed[0, 0, 0, 0]
        return changed

    found = compare(Answers(change), SAMPLES, DECODER)
    assert found.flipped_pixels == (1, 0, 1)  # the first of each batch of two
    reported = SampleLimits(0.0, 1e-9, 0.01).broken(found.errors)
    assert [line.split(" 0.")[0] for line in reported] == [
        "largest error",
        "relative error",
        "share of flipped pixels",
    ]
    assert SampleLimits(None, None, None).broken(found.errors) == []


def test_values_that_are_not_finite_break_every_limit() -> None:
    found = compare(Answers(lambda outputs: np.full_like(outputs, np.nan)), SAMPLES, DECODER)
    assert SampleLimits(None, None, None).broken(found.errors) == [
        f"{3 * 24} values are not finite"
    ]


def test_answers_of_another_shape_are_refused() -> None:
    with pytest.raises(SegtrtError, match=r"answers \(1, 4, 5\) where \(1, 4, 6\) is expected"):
        compare(Answers(lambda outputs: outputs[..., :5]), SAMPLES, DECODER)
