from __future__ import annotations

import numpy as np
import pytest

from modules.sampling.philox import Philox, philox


def words(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint32)


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0), (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)
def test_known_answers_of_random123(counter: tuple[int, ...], key: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """The authors' own test vectors for Philox 4x32-10."""
    found = philox(np.stack([words(*counter), words(*counter)], axis=1), words(*key))
    assert found[:, 0].tolist() == found[:, 1].tolist() == list(expected)


@pytest.mark.parametrize(
    ("seed", "expected"),
    [(0, (-0.9247, -0.4253, -2.6438, 0.1452, -0.1209)), (42, (0.1940, 2.1614, -0.1721, 0.8491))],
)
def test_first_values_are_those_of_torch_on_an_nvidia_card(seed: int, expected: tuple[float, ...]) -> None:
    """As torch.manual_seed(seed); torch.randn(n, device="cuda") prints them."""
    assert Philox(seed).normal((len(expected),)) == pytest.approx(expected, abs=6e-5)


def test_draws_are_normal_and_independent() -> None:
    stream = Philox(7)
    first, second = stream.normal((4, 128, 128)), stream.normal((4, 128, 128))
    for drawn in (first, second):
        assert drawn.dtype == np.float32 and drawn.shape == (4, 128, 128)
        assert abs(drawn.mean()) < 0.02 and abs(drawn.std() - 1) < 0.02
        assert abs((drawn**4).mean() - 3) < 0.15
    assert abs((first * second).mean()) < 0.02


def test_a_shape_only_folds_the_values() -> None:
    assert Philox(3).normal((2, 3)).ravel().tolist() == Philox(3).normal((6,)).tolist()
    assert Philox(3).normal((0, 4)).shape == (0, 4)


def test_seeds_of_any_size() -> None:
    seeds = [0, 1, 2**32, 2**32 + 1, 2**63 - 1, -1, -(2**31)]
    assert len({Philox(seed).normal((4,)).tobytes() for seed in seeds}) == len(seeds)
    assert Philox(-1).normal((4,)).tolist() == Philox(2**64 - 1).normal((4,)).tolist()
