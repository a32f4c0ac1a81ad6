from __future__ import annotations

import pytest
import torch

from modules.core.errors import InvalidRequest
from modules.imaging.latents import LATENT_UPSCALERS, MASKED_CONTENTS, masked_content, principal, resize, trimmed


@pytest.mark.parametrize("name", LATENT_UPSCALERS)
def test_every_way_reaches_the_size_and_keeps_what_is_constant(name: str) -> None:
    latents = torch.arange(4.0).reshape(1, 4, 1, 1).expand(2, 4, 6, 8)
    made = resize(latents, 9, 12, name)
    assert made.shape == (2, 4, 9, 12)
    assert torch.allclose(made, latents[:, :, :1, :1].expand(2, 4, 9, 12), atol=1e-5)


def test_they_differ_where_they_should() -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    larger = {name: resize(latents, 20, 20, name) for name in LATENT_UPSCALERS}
    smaller = {name: resize(latents, 5, 5, name) for name in LATENT_UPSCALERS}
    assert torch.allclose(larger["Latent"], larger["Latent (antialiased)"], atol=1e-5)  # antialiasing acts where a picture shrinks
    names = list(smaller)
    for first in range(len(names)):
        for second in range(first):
            assert not torch.allclose(smaller[names[first]], smaller[names[second]])
    assert set(larger["Latent (nearest)"].unique().tolist()) <= set(latents.unique().tolist())


def test_an_unknown_one_is_named() -> None:
    with pytest.raises(InvalidRequest, match="Latent .nearest-exact."):
        resize(torch.zeros(1, 4, 2, 2), 4, 4, "Lanczos")


@pytest.mark.parametrize(("cut", "expected"), [((0, 0), (0, 8, 0, 10)), ((2, 4), (2, 6, 1, 9)), ((3, 1), (0, 7, 1, 8))])
def test_trimming_takes_the_odd_one_from_the_end(cut: tuple[int, int], expected: tuple[int, int, int, int]) -> None:
    latents = torch.arange(80.0).reshape(1, 1, 8, 10)
    top, bottom, left, right = expected
    assert torch.equal(trimmed(latents, cut), latents[:, :, top:bottom, left:right])


def test_masked_contents() -> None:
    init, noise = torch.full((1, 4, 2, 2), 5.0), torch.full((1, 4, 2, 2), -3.0)
    mask = torch.tensor([[[0.0, 1.0], [0.25, 0.0]]])
    made = {content: masked_content(content, init, mask, noise)[0, 2].flatten().tolist() for content in MASKED_CONTENTS}
    assert made == {
        "fill": [5.0] * 4,
        "original": [5.0] * 4,
        "latent noise": [5.0, -3.0, 3.0, 5.0],
        "latent nothing": [5.0, 0.0, 3.75, 5.0],
    }


def test_principal_colours_show_shapes_and_take_anything() -> None:
    latents = torch.zeros(1, 16, 8, 8)
    latents[:, 5, :, 4:] = 3.0
    latents[:, 9] = torch.randn(8, 8, generator=torch.Generator().manual_seed(0)) * 0.1
    rows = torch.tensor(principal(latents))
    assert rows.shape == (17, 3)
    shown = torch.einsum("chw,cr->rhw", latents[0], rows[:16]) + rows[16][:, None, None]
    left, right = shown[0, :, :4].mean(), shown[0, :, 4:].mean()
    assert float((right - left).abs()) > 0.3 and float((shown[0].mean() - 0.5).abs()) < 0.05
    assert torch.allclose(rows, torch.tensor(principal(latents.clone())))
    for odd in (torch.full((1, 4, 2, 2), float("nan")), torch.zeros(1, 4, 2, 2), torch.full((1, 4, 1, 1), float("inf"))):
        assert torch.tensor(principal(odd)).isfinite().all()
