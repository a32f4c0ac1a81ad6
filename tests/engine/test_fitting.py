"""Will it fit: the formulas against counted bytes, and what is said and done where memory is short."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel, UNet2DConditionModel
from torch import nn

from modules.catalog.card import Card
from modules.catalog.measures import Measures, measured
from modules.catalog.scan import STARTER
from modules.core.groups.passes import Hires
from modules.core.options import DeviceOptions
from modules.core.request import GenerationRequest
from modules.engine.fitting import GB, Fitting, Room, fit, fitted
from modules.engine.needs import drawing, need
from tests.memory.live import Live
from tests.networks import tiny

WIDTH = 64
SIDE = 32
SD15 = Measures({"denoiser": 859_520_964, "text_encoder": 123_060_480, "vae": 83_653_863}, 320, (128, 256, 512, 512))
CARD = Card(path=Path("one.safetensors"), name="one", family="sd1")
OPTIONS = DeviceOptions()
TEXT = {"encoder_hidden_states": torch.zeros(1, 77, WIDTH)}


def unet(deep: bool) -> tuple[nn.Module, dict[str, Any]]:
    """deep: as in SDXL, without attention at full size. Else as in Stable Diffusion 1."""
    widths = (WIDTH, 2 * WIDTH, 4 * WIDTH) if deep else (WIDTH, 2 * WIDTH, 4 * WIDTH, 4 * WIDTH)
    down, up = ["CrossAttnDownBlock2D"] * len(widths), ["CrossAttnUpBlock2D"] * len(widths)
    if deep:
        down[0], up[-1] = "DownBlock2D", "UpBlock2D"
    else:
        down[-1], up[0] = "DownBlock2D", "UpBlock2D"
    network = UNet2DConditionModel(
        block_out_channels=widths, down_block_types=tuple(down), up_block_types=tuple(up), cross_attention_dim=WIDTH, attention_head_dim=8, norm_num_groups=8
    )
    return network, {"sample": torch.zeros(1, 4, SIDE, SIDE), "timestep": torch.tensor([5]), **TEXT}


def flux() -> tuple[nn.Module, dict[str, Any]]:
    network = FluxTransformer2DModel(
        in_channels=64, num_layers=1, num_single_layers=1, attention_head_dim=32, num_attention_heads=WIDTH // 32, joint_attention_dim=WIDTH,
        pooled_projection_dim=32, axes_dims_rope=(8, 12, 12),
    )  # fmt: skip
    tokens = SIDE * SIDE // 4
    return network, {
        "hidden_states": torch.zeros(1, tokens, 64), "encoder_hidden_states": torch.zeros(1, 512, WIDTH), "pooled_projections": torch.zeros(1, 32),
        "timestep": torch.tensor([0.5]), "img_ids": torch.zeros(tokens, 3), "txt_ids": torch.zeros(512, 3),
    }  # fmt: skip


def sd3() -> tuple[nn.Module, dict[str, Any]]:
    network = SD3Transformer2DModel(
        sample_size=SIDE, in_channels=16, num_layers=2, attention_head_dim=32, num_attention_heads=WIDTH // 32, joint_attention_dim=WIDTH,
        caption_projection_dim=WIDTH, pooled_projection_dim=32, pos_embed_max_size=SIDE,
    )  # fmt: skip
    return network, {
        "hidden_states": torch.zeros(1, 16, SIDE, SIDE), "encoder_hidden_states": torch.zeros(1, 333, WIDTH), "pooled_projections": torch.zeros(1, 32),
        "timestep": torch.tensor([5.0]),
    }  # fmt: skip


@pytest.mark.parametrize("family", ["sd1", "sdxl", "flux", "sd3"])
def test_the_work_is_what_was_counted(family: str) -> None:
    network, given = {"sd1": lambda: unet(False), "sdxl": lambda: unet(True), "flux": flux, "sd3": sd3}[family]()
    with torch.inference_mode(), Live([*network.parameters(), *network.buffers()]) as live:
        network.eval()(**given)
    one_row = GenerationRequest(cfg_scale=1)
    assert live.peak == pytest.approx(drawing(one_row, family, WIDTH, SIDE * 8, SIDE * 8, 4), rel=0.12)


def test_a_real_checkpoint_needs_what_people_know() -> None:
    found = fit(GenerationRequest(width=512, height=512), CARD, SD15, OPTIONS, Room(24 * GB))
    assert found.verdict == "fits" and not found.sentences and found.placement == "resident"
    assert found.needed / GB == pytest.approx(4.7, abs=0.3), "4 GB of weights in fp32, and the VAE's work"
    half = fit(GenerationRequest(width=512, height=512), CARD, SD15, OPTIONS, Room(24 * GB, gpu=True))
    assert half.needed < 0.6 * found.needed


@pytest.mark.parametrize(
    ("free", "side", "verdict", "placement", "tiled", "words"),
    [
        (24.0, 512, "fits", "resident", False, ""),
        (5.2, 512, "tight", "resident", False, "just fit"),
        (24.0, 2048, "adapts", "resident", False, ""),
        (9.0, 2048, "adapts", "resident", True, "tiles"),
        (4.3, 512, "adapts", "encoders", False, "after each prompt"),
        (4.0, 512, "adapts", "medvram", False, "part by part"),
        (1.6, 512, "too much", "group", False, "being loaded"),
        (0.5, 512, "too much", "group", False, "smaller"),
    ],
)
def test_what_is_said_and_done(free: float, side: int, verdict: str, placement: str, tiled: bool, words: str) -> None:
    found = fit(GenerationRequest(width=side, height=side), CARD, SD15, OPTIONS, Room(int(free * GB)))
    if (free, side) == (24.0, 2048):
        assert found.verdict in ("fits", "tight") and not found.tiled
        return
    assert (found.verdict, found.placement, found.tiled) == (verdict, placement, tiled)
    assert words in " ".join(found.sentences)
    assert found.needed <= found.free or verdict == "too much"


def test_what_is_loaded_already_need_not_pass_through_memory_again() -> None:
    request, free = GenerationRequest(width=512, height=512), int(1.6 * GB)
    needed = need(request, CARD, SD15, OPTIONS, False)
    assert needed is not None
    cold, warm = fitted(needed, "auto", Room(free)), fitted(needed, "auto", Room(free), here=True)
    assert (cold.verdict, warm.verdict, warm.placement) == ("too much", "adapts", "group") and cold.needed == sum(needed.sizes.values())
    assert "layer by layer" in " ".join(warm.sentences) and "being loaded" in " ".join(cold.sentences)
    half = need(request, CARD, SD15, OPTIONS, True)
    assert half is not None and fitted(half, "auto", Room(free, gpu=True)).verdict == "adapts", "beside a GPU the machine's memory takes it"


def test_a_loaded_checkpoint_is_known_by_its_file() -> None:
    request, card = GenerationRequest(), Card(path=STARTER, name="starter", family="sd1")
    whole = Fitting(OPTIONS, lambda: Room(2**40)).of(request, card).weights
    told = [Fitting(OPTIONS, lambda here=here: Room(whole - 1, here=here)).of(request, card) for here in ((), (STARTER,))]  # type: ignore[misc]
    assert all(one.verdict == "too much" or one.needed <= whole - 1 for one in told)
    assert told[0].verdict == "too much"


def test_more_is_needed_for_more() -> None:
    plain = GenerationRequest(width=512, height=512)
    room = Room(64 * GB)
    needed = fit(plain, CARD, SD15, OPTIONS, room).needed
    assert fit(replace(plain, hires=Hires(enabled=True)), CARD, SD15, OPTIONS, room).needed > needed
    assert fit(replace(plain, batch_size=8, batched=True), CARD, SD15, OPTIONS, room).needed > needed
    assert fit(replace(plain, precision="bf16"), CARD, SD15, OPTIONS, room).needed < needed
    assert fit(replace(plain, width=2048, height=2048, vae_tiled=True), CARD, SD15, OPTIONS, room).needed < 12 * GB
    assert fit(plain, CARD, SD15, DeviceOptions(placement="lowvram"), room).needed < needed / 3
    assert fit(plain, CARD, SD15, DeviceOptions(placement="lowvram"), room).verdict == "fits", "what was asked for is no news"


def test_headers_tell_the_measures(tmp_path: Path) -> None:
    networks = dict(zip(("denoiser", "vae", "text_encoder"), tiny.parts(), strict=True))
    file = tiny.save_single(tmp_path / "one.safetensors", tiny.ldm_tensors(*networks.values()))
    folder = tiny.save_folder(tmp_path / "folder", *networks.values())
    for path in (file, folder):
        found = measured(Card(path=path, name="one"))
        assert found.width == tiny.LEVELS[0] and found.levels[:2] == tiny.VAE_LEVELS[:2]
        for name, network in networks.items():
            assert found.parts[name] == pytest.approx(sum(tensor.numel() for tensor in network.state_dict().values()), rel=0.01)


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    fitting = Fitting(OPTIONS, lambda: Room(GB))
    for card in (Card(path=tmp_path / "bad.safetensors", name="bad", family="sd1"), Card(path=tmp_path / "none.safetensors", name="none", family="sd1")):
        assert fitting.of(GenerationRequest(), card).verdict == "unknown"
    assert fitting.of(GenerationRequest(), Card(path=STARTER, name="starter", family="sd1")).verdict in ("fits", "adapts", "tight")
    assert fitting.of(GenerationRequest(), Card(path=STARTER, name="starter", family="pipeline")).verdict == "unknown"
