"""An autoencoder tile by tile, with the one that comes with Easel: no seam shows, colours stay, and memory is that of a tile."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor, nn

from modules.catalog.scan import STARTER
from modules.imaging.tiles import Tiles
from modules.memory.budget import decoding
from modules.networks import vae_tiles
from tests.memory.live import Live

TILE, OVERLAP, SIDE = 16, 4, 256
NEAR = 12


@pytest.fixture(scope="module")
def vae() -> AutoencoderKL:
    network: AutoencoderKL = AutoencoderKL.from_pretrained(STARTER / "vae", local_files_only=True)
    return network.eval()


def picture(kind: str) -> Tensor:
    """[1, 3, 256, 256] in -1..1."""
    y, x = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    smooth = np.stack([x, y, 1 - x * y], -1) * 0.8 + 0.1
    grain = np.random.default_rng(0).random((SIDE, SIDE))
    textured = np.stack([np.sin(x * 40) * np.cos(y * 23), np.sin((x + y) * 20), grain], -1) * 0.3 + 0.5
    pixels = {"smooth": smooth, "textured": textured, "both": np.where((x < 0.5)[..., None], smooth, textured)}[kind]
    return torch.tensor(pixels * 2 - 1, dtype=torch.float32).permute(2, 0, 1)[None]


def tiled(vae: AutoencoderKL, latents: Tensor) -> Tensor:
    return vae_tiles.through(vae, latents, lambda tile: vae.decode(tile).sample, 1, 8, TILE, OVERLAP)


def worst_seam(pixels: Tensor) -> float:
    """The largest step across an edge of a tile, beside those of its neighbouring columns, or rows."""
    shown = (pixels[0].permute(1, 2, 0) * 127.5).numpy()
    starts = Tiles(SIDE // 8, SIDE // 8, TILE, TILE, OVERLAP).xs
    found = []
    for axis in (0, 1):
        steps = np.abs(np.diff(shown, axis=axis)).mean((1 - axis, 2))
        edges = [start * 8 for start in starts[1:]] + [(start + TILE) * 8 for start in starts[:-1]]
        found += [steps[edge - 1] / np.delete(steps[edge - 1 - NEAR : edge + NEAR], NEAR).mean() for edge in edges]
    return float(max(found))


@pytest.mark.parametrize(("kind", "drift"), [("smooth", 1), ("textured", 4.5), ("both", 2)])
@torch.inference_mode()
def test_no_seam_shows_and_colours_stay(vae: AutoencoderKL, kind: str, drift: float) -> None:
    """drift: grey levels of a colour's mean. White noise is what a picture made small tells least of."""
    latents = vae.encode(picture(kind)).latent_dist.mean
    whole, ours = vae.decode(latents).sample, tiled(vae, latents)
    levels = (ours - whole) * 127.5
    assert worst_seam(ours) <= 1.5 * max(worst_seam(whole), 1.0)
    assert float(levels.abs().mean()) < 4.5
    assert float(levels.mean((0, 2, 3)).abs().max()) < drift


@torch.inference_mode()
def test_encoding_in_tiles_gives_nearly_the_same_latents(vae: AutoencoderKL) -> None:
    pixels = picture("both")
    whole = vae.encode(pixels).latent_dist.parameters
    ours = vae_tiles.through(vae, pixels, lambda tile: vae.encode(tile).latent_dist.parameters, 8, 1, TILE, OVERLAP)
    assert ours.shape == whole.shape
    mean, other = whole.chunk(2, 1)[0], ours.chunk(2, 1)[0]
    assert float((mean - other).abs().mean()) < 0.1 * float(mean.std())


@torch.inference_mode()
def test_a_picture_that_goes_on_at_its_opposite_edge_still_does(vae: AutoencoderKL) -> None:
    layers = [layer for layer in vae.modules() if isinstance(layer, nn.Conv2d)]
    modes = [layer.padding_mode for layer in layers]
    latents = vae.encode(picture("textured")).latent_dist.mean
    try:
        for layer in layers:
            layer.padding_mode = "circular"
        ours, whole = tiled(vae, latents), vae.decode(latents).sample
    finally:
        for layer, mode in zip(layers, modes, strict=True):
            layer.padding_mode = mode
    assert ours.shape == whole.shape
    across = float((ours[..., 0] - ours[..., -1]).abs().mean())
    assert across < 1.5 * float((ours[..., 1:] - ours[..., :-1]).abs().mean())


@torch.inference_mode()
def test_memory_is_that_of_a_tile_and_as_the_budget_says(vae: AutoencoderKL) -> None:
    latents = torch.randn(1, 4, 64, 64, generator=torch.Generator().manual_seed(1))
    with Live(vae.parameters()) as whole:
        vae.decode(latents)
    with Live(vae.parameters()) as pieces:
        tiled(vae, latents)
    assert pieces.peak <= 0.25 * whole.peak
    expected = decoding(vae.config.block_out_channels, 512, 512, 4)
    assert abs(whole.peak / expected - 1) < 0.1


@torch.inference_mode()
def test_the_network_is_as_it_was_afterwards(vae: AutoencoderKL) -> None:
    latents = torch.randn(1, 4, 24, 24, generator=torch.Generator().manual_seed(1))
    before = vae.decode(latents).sample
    tiled(vae, latents)
    with pytest.raises(ZeroDivisionError):
        vae_tiles.through(vae, latents, lambda tile: tile / (1 // 0), 1, 8, TILE, OVERLAP)
    assert torch.equal(vae.decode(latents).sample, before)
    assert not any("forward" in module.__dict__ for module in vae.modules())
