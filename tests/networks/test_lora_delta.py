"""Each kind of adapter against its formula, written out element by element where that is short, on matrices and on kernels."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.networks import lora_delta
from tests.networks.lora_files import random

OUT, IN, RANK = 8, 6, 2


def weight(kernel: tuple[int, ...] = ()) -> Tensor:
    return random(OUT, IN, *kernel, seed=99, scale=1.0)


def test_lora_is_up_times_down_scaled_by_alpha_over_rank() -> None:
    parts = {"up": random(OUT, RANK, seed=1), "down": random(RANK, IN, seed=2), "alpha": torch.tensor(3.0)}
    found = lora_delta.delta(parts, weight())
    for row, column in itertools.product(range(OUT), range(IN)):
        wanted = sum(float(parts["up"][row, r] * parts["down"][r, column]) for r in range(RANK)) * 3 / 2
        assert float(found[row, column]) == pytest.approx(wanted, abs=1e-6)


def test_without_alpha_the_scale_is_one_and_dyn_takes_the_first_ranks() -> None:
    parts = {"up": random(OUT, RANK, seed=1), "down": random(RANK, IN, seed=2)}
    torch.testing.assert_close(lora_delta.delta(parts, weight()), parts["up"] @ parts["down"])
    torch.testing.assert_close(lora_delta.delta(parts, weight(), dyn=1), parts["up"][:, :1] @ parts["down"][:1])


@pytest.mark.parametrize("tucker", [False, True])
def test_locon_acts_as_its_convolutions_one_after_the_other(tucker: bool) -> None:
    down = random(RANK, IN, *([1, 1] if tucker else [3, 3]), seed=1)
    up, mid = random(OUT, RANK, 1, 1, seed=2), random(RANK, RANK, 3, 3, seed=3)
    parts = {"up": up, "down": down, "alpha": torch.tensor(2.0)} | ({"mid": mid} if tucker else {})
    picture = random(1, IN, 5, 5, seed=4)
    convolve = torch.nn.functional.conv2d
    wanted = convolve(convolve(convolve(picture, down), mid), up) if tucker else convolve(convolve(picture, down), up)
    torch.testing.assert_close(convolve(picture, lora_delta.delta(parts, weight((3, 3)))), wanted)


def test_loha_multiplies_two_products_element_by_element() -> None:
    parts = {
        "hada_w1_a": random(OUT, RANK, seed=1),
        "hada_w1_b": random(RANK, IN, seed=2),
        "hada_w2_a": random(OUT, RANK, seed=3),
        "hada_w2_b": random(RANK, IN, seed=4),
        "alpha": torch.tensor(1.0),
    }
    found = lora_delta.delta(parts, weight())
    for row, column in itertools.product(range(OUT), range(IN)):
        first = sum(float(parts["hada_w1_a"][row, r] * parts["hada_w1_b"][r, column]) for r in range(RANK))
        second = sum(float(parts["hada_w2_a"][row, r] * parts["hada_w2_b"][r, column]) for r in range(RANK))
        assert float(found[row, column]) == pytest.approx(first * second / 2, abs=1e-6)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
@pytest.mark.parametrize("whole", [True, False])
def test_lokr_is_a_kronecker_product(kernel: tuple[int, ...], whole: bool) -> None:
    first, second = random(2, 3, seed=1), random(4, 2, *kernel, seed=2)
    parts = {"lokr_w1": first, "lokr_w2": second, "alpha": torch.tensor(7.0)}
    scale = 1.0
    if not whole:
        a, b = random(4, RANK, seed=3), random(RANK, 2, *kernel, seed=4)
        parts = {"lokr_w1": first, "lokr_w2_a": a, "lokr_w2_b": b.reshape(RANK, -1), "alpha": torch.tensor(7.0)}
        second, scale = torch.einsum("or,ri...->oi...", a, b), 3.5
    found = lora_delta.delta(parts, weight(kernel))
    for row, column in itertools.product(range(OUT), range(IN)):
        torch.testing.assert_close(found[row, column], first[row // 4, column // 2] * second[row % 4, column % 2] * scale)


def test_glora_bends_the_weight_itself_in_both_layouts_of_its_names() -> None:
    own = weight()
    a1, a2, b1, b2 = random(IN, RANK, seed=1), random(RANK, IN, seed=2), random(OUT, RANK, seed=3), random(RANK, IN, seed=4)
    wanted = (own @ a1 @ a2 + b1 @ b2) * 0.5
    torch.testing.assert_close(lora_delta.delta({"a1": a1, "a2": a2, "b1": b1, "b2": b2, "alpha": torch.tensor(1.0)}, own), wanted)
    torch.testing.assert_close(lora_delta.delta({"a1": a2, "a2": a1, "b1": b2, "b2": b1, "alpha": torch.tensor(1.0)}, own), wanted)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
def test_oft_turns_blocks_of_rows_and_keeps_their_angles(kernel: tuple[int, ...]) -> None:
    own, blocks = weight(kernel), random(2, 4, 4, seed=1)
    turned = own + lora_delta.delta({"oft_blocks": blocks}, own)
    for block in range(2):
        skew = blocks[block] - blocks[block].T
        rotation = (torch.eye(4) + skew) @ torch.linalg.inv(torch.eye(4) - skew)
        rows = slice(4 * block, 4 * block + 4)
        torch.testing.assert_close(turned[rows].flatten(1), rotation.T @ own[rows].flatten(1))
        torch.testing.assert_close(turned[rows].flatten(1).T @ turned[rows].flatten(1), own[rows].flatten(1).T @ own[rows].flatten(1))


def test_alpha_bounds_a_rotation_and_rescale_stretches_rows() -> None:
    own, blocks = weight(), random(2, 4, 4, seed=1)
    skew = blocks - blocks.transpose(1, 2)
    bound = float(skew.norm()) / 4
    small = lora_delta.delta({"oft_blocks": blocks, "alpha": torch.tensor(bound / OUT)}, own)
    torch.testing.assert_close(small, lora_delta.delta({"oft_blocks": blocks / 4}, own))
    stretch = random(OUT, 1, seed=2, scale=1.0)
    found = lora_delta.delta({"oft_blocks": torch.zeros(2, 4, 4), "rescale": stretch}, own)
    torch.testing.assert_close(found, own * stretch - own)


def test_boft_mixes_rows_ever_farther_apart_and_loses_nothing() -> None:
    own, blocks = weight(), random(2, 4, 2, 2, seed=1)
    turned = own + lora_delta.delta({"oft_blocks": blocks}, own)
    torch.testing.assert_close(turned.T @ turned, own.T @ own)
    only_first = own + lora_delta.delta({"oft_blocks": blocks[:1]}, own)
    for pair in range(4):  # the first level turns neighbours
        skew = blocks[0, pair] - blocks[0, pair].T
        rotation = (torch.eye(2) + skew) @ torch.linalg.inv(torch.eye(2) - skew)
        torch.testing.assert_close(only_first[2 * pair : 2 * pair + 2], rotation @ own[2 * pair : 2 * pair + 2])


@pytest.mark.parametrize("on_input", [True, False])
def test_ia3_scales_columns_or_rows(on_input: bool) -> None:
    own, factors = weight(), random(IN if on_input else OUT, seed=1)
    wanted = own * (factors[None, :] if on_input else factors[:, None])
    torch.testing.assert_close(lora_delta.delta({"ia3": factors, "on_input": torch.tensor(float(on_input))}, own), wanted)


@pytest.mark.parametrize("kernel", [(), (3, 3)])
@pytest.mark.parametrize("rows", [True, False])
def test_dora_keeps_the_direction_of_the_sum_and_sets_its_length(kernel: tuple[int, ...], rows: bool) -> None:
    own, plain = weight(kernel), random(OUT, IN, *kernel, seed=1)
    magnitude = random(OUT, seed=2, scale=1.0).abs() + 0.5 if rows else random(IN, seed=2, scale=1.0).abs() + 0.5
    shaped = magnitude.reshape(-1, *[1] * (own.dim() - 1)) if rows else magnitude.reshape(1, -1, *[1] * len(kernel))
    merged = own + lora_delta.delta({"diff": plain, "dora_scale": shaped}, own)
    for index in range(OUT if rows else IN):
        ours, summed = (merged[index], (own + plain)[index]) if rows else (merged[:, index], (own + plain)[:, index])
        torch.testing.assert_close(ours, summed / summed.norm() * magnitude[index], atol=1e-5, rtol=1e-5)


def test_a_replacement_leaves_nothing_of_the_old_weight() -> None:
    own, new = weight(), random(OUT, IN, seed=1)
    torch.testing.assert_close(own + lora_delta.delta({"set_weight": new}, own), new)


def test_biases() -> None:
    assert lora_delta.bias_delta({"up": random(OUT, 2, seed=1), "down": random(2, IN, seed=2)}) is None
    torch.testing.assert_close(lora_delta.bias_delta({"diff_b": torch.ones(OUT)}), torch.ones(OUT))
    parts = {"up": random(OUT, 2, seed=1), "down": random(2, IN, seed=2), "alpha": torch.tensor(1.0), "up_b": torch.ones(OUT)}
    torch.testing.assert_close(lora_delta.bias_delta(parts), torch.full((OUT,), 0.5))


@pytest.mark.parametrize(
    "parts",
    [
        {"up": torch.ones(OUT, 2), "down": torch.ones(3, IN)},
        {"up": torch.ones(OUT + 1, 2), "down": torch.ones(2, IN)},
        {"hada_w1_a": torch.ones(OUT, 2), "hada_w1_b": torch.ones(2, IN), "hada_w2_a": torch.ones(OUT, 2), "hada_w2_b": torch.ones(2, IN + 1)},
        {"lokr_w1": torch.ones(3, 3), "lokr_w2": torch.ones(2, 2)},
        {"oft_blocks": torch.ones(3, 3, 3)},
        {"oft_blocks": torch.ones(3)},
        {"ia3": torch.ones(5), "on_input": torch.tensor(0.0)},
        {"diff": torch.ones(2, 2)},
        {"diff": torch.ones(OUT, IN), "dora_scale": torch.ones(3)},
    ],
)
def test_shapes_that_do_not_fit_are_said(parts: dict[str, Tensor]) -> None:
    with pytest.raises(BadModelFile, match="8 x 6"):
        lora_delta.delta(parts, weight())
