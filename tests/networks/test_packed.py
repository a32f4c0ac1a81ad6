"""Weights in few bits: what they are as numbers, layers that compute with them, LoRAs on such layers, and what files keep so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import gguf
import numpy as np
import pytest
import torch
from gguf.quants import dequantize
from torch import Tensor, nn

from modules.core.options import DeviceOptions, Placement
from modules.memory.device import find
from modules.memory.offload import SMALL
from modules.memory.placement import Placed
from modules.networks.gguf_file import BLOCKS, Blocks
from modules.networks.keeping import repack
from modules.networks.lora import Wear, worn
from modules.networks.packed import BLOCK, NF4, Kind, Packed, PackedLinear, kept, pack, suits
from tests.networks import lora_files, tiny

KINDS: tuple[Kind, ...] = get_args(Kind)
PLACEMENTS: tuple[Placement, ...] = ("resident", "encoders", "medvram", "group", "lowvram")


def numbers(layer: nn.Module) -> Tensor:
    assert isinstance(layer, Packed)
    return layer.numbers()


def packed(layer: nn.Module, kind: Kind = "int8", dtype: torch.dtype = torch.float32) -> nn.Module:
    assert isinstance(layer.weight, Tensor)
    pack(layer.requires_grad_(False), kept(layer.weight, kind), dtype)
    return layer


def test_int8_is_off_by_half_a_step_of_its_row_at_most() -> None:
    weight = lora_files.random(48, 33, seed=1) * torch.linspace(0.01, 10, 48)[:, None]
    weight[7] = 0
    layer = nn.Linear(33, 48)
    layer.weight = nn.Parameter(weight)
    steps = weight.abs().amax(1, keepdim=True) / 127
    assert ((numbers(packed(layer)) - weight).abs() <= steps / 2 + 1e-6).all()
    assert layer.weight.dtype is torch.int8 and layer.weight.shape == (48, 33)


@pytest.mark.parametrize("kind", KINDS)
def test_codes_that_wait_on_another_device_become_numbers_there(kind: Kind) -> None:
    """A LoRA is put on while the codes wait; scales are small, and do not."""
    layer: Any = packed(nn.Linear(2 * BLOCK, 6), kind)
    layer.weight = nn.Parameter(layer.weight.to("meta"), requires_grad=False)
    assert layer.bare().is_meta and layer.bare().shape == (6, 2 * BLOCK)


def test_nf4_takes_the_nearest_of_sixteen_levels() -> None:
    weight = lora_files.random(6, 2 * BLOCK, seed=2)
    layer = nn.Linear(2 * BLOCK, 6)
    layer.weight = nn.Parameter(weight)
    blocks = weight.view(-1, BLOCK)
    largest = blocks.abs().amax(1, keepdim=True)
    wanted = torch.tensor(NF4)[((blocks / largest)[..., None] - torch.tensor(NF4)).abs().argmin(-1)] * largest
    assert torch.equal(numbers(packed(layer, "nf4")), wanted.view(6, -1))
    assert layer.weight.nbytes == weight.numel() // 2


def test_rows_that_are_no_whole_blocks_go_into_int8() -> None:
    assert kept(torch.ones(4, BLOCK + 16), "nf4").codes.shape == (4, BLOCK + 16)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_number_stays_none(kind: Kind) -> None:
    layer = nn.Linear(BLOCK, 3)
    with torch.no_grad():
        layer.weight[1, 5] = torch.nan
    assert numbers(packed(layer, kind))[1].isnan().any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_layer_computes_as_one_with_those_numbers(kind: Kind, dtype: torch.dtype) -> None:
    linear, convolution = nn.Linear(BLOCK, 24).to(dtype), nn.Conv2d(BLOCK, 8, 3, stride=2, padding=1).to(dtype)
    convolution.padding_mode = "circular"
    for layer, x in ((linear, torch.ones(2, BLOCK)), (convolution, lora_files.random(1, BLOCK, 8, 8, seed=3))):
        plain = type(layer)(*((BLOCK, 24) if layer is linear else (BLOCK, 8, 3, 2, 1))).to(dtype)
        plain.padding_mode = getattr(layer, "padding_mode", "zeros")
        packed(layer, kind, dtype)
        with torch.no_grad():
            plain.load_state_dict({"weight": numbers(layer), "bias": layer.bias})
            assert torch.equal(layer(x.to(dtype)), plain(x.to(dtype)))


def test_only_plain_layers_with_rows_worth_a_scale_are_packed() -> None:
    assert suits(nn.Linear(16, 2)) and suits(nn.Conv2d(4, 2, 3))
    assert not any(suits(layer) for layer in (nn.Linear(15, 2), nn.Conv2d(4, 2, 1), nn.Embedding(8, 32), nn.LayerNorm(32), packed(nn.Linear(16, 2))))


@pytest.mark.parametrize("type", BLOCKS, ids=lambda type: type.name)
def test_gguf_blocks_are_the_numbers_that_its_own_package_makes(type: gguf.GGMLQuantizationType) -> None:
    size = gguf.GGML_QUANT_SIZES[type][1]
    data = np.random.default_rng(0).integers(0, 256, (5, 3 * size), dtype=np.uint8)
    with np.errstate(all="ignore"):
        wanted = torch.from_numpy(dequantize(data, type).astype(np.float32))
    found = Blocks(type)(torch.from_numpy(data).view(torch.int8), None, None)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0, equal_nan=True)


@pytest.fixture
def parts() -> dict[str, Any]:
    unet, vae, text_encoder = tiny.parts()
    return {name: network.eval().requires_grad_(False) for name, network in (("unet", unet), ("vae", vae), ("text_encoder", text_encoder))}


def answer(parts: dict[str, Any]) -> Tensor:
    context = lora_files.random(1, 77, tiny.WIDTH, seed=1, scale=1.0)
    with torch.inference_mode():
        made: Tensor = parts["unet"](lora_files.random(1, 4, 16, 16, seed=2, scale=1.0), torch.tensor([500]), encoder_hidden_states=context).sample
    return made.clone()


def loud(one: Tensor, other: Tensor) -> float:
    """Signal to noise in dB."""
    return float(10 * torch.log10(one.square().mean() / (one - other).square().mean()))


def plain(parts: dict[str, Any], storage: Kind) -> dict[str, Any]:
    """The same networks with plain numbers, those that the packed ones have."""
    rounded = tiny.parts()[0].eval().requires_grad_(False)
    for name, layer in parts["unet"].named_modules():
        if isinstance(layer, Packed):
            rounded.get_submodule(name).weight.copy_(layer.bare())
    return {**parts, "unet": rounded}


@pytest.mark.parametrize(("storage", "least"), [("int8", 35), ("nf4", 14)])
def test_every_placement_gives_the_same_and_nearly_that_of_full_weights(parts: dict[str, Any], storage: Kind, least: float, tmp_path: Path) -> None:
    wanted = answer(parts)
    repack(parts, storage)
    layers = [layer for layer in parts["unet"].modules() if isinstance(layer, Packed)]
    names = [name for name, layer in parts["unet"].named_modules() if isinstance(layer, Packed)]
    assert len(layers) > 20 and any("conv1" in name for name in names) and not {"conv_in", "conv_out", "time_embedding.linear_1"} & set(names)
    given = answer(parts)
    assert least < loud(wanted, given) < 80
    assert torch.equal(given, answer(plain(parts, storage)))
    placed = Placed({"unet": parts["unet"]}, find(DeviceOptions(device="cpu")), tmp_path)
    for where in PLACEMENTS:
        placed.move(where)
        assert torch.equal(answer(parts), given), where
        placed.rest()
        if where in ("medvram", "group", "lowvram"):
            assert not any(layer.weight.untyped_storage().resizable() for layer in layers if layer.weight.nbytes > SMALL)  # type: ignore[operator]
    placed.move("resident")
    assert torch.equal(answer(parts), given) and all(layer.weight.dtype is torch.int8 for layer in layers)


ADAPTERS: dict[str, Callable[[str, int, int], dict[str, Tensor]]] = {
    "lora": lambda base, out, inner: {
        f"{base}.lora_down.weight": lora_files.random(2, inner, seed=1),
        f"{base}.lora_up.weight": lora_files.random(out, 2, seed=2),
    },
    "dora": lambda base, out, inner: {**ADAPTERS["lora"](base, out, inner), f"{base}.dora_scale": lora_files.random(out, 1, seed=3) + 1},
    "ia3": lambda base, out, inner: {f"{base}.weight": lora_files.random(inner, seed=4), f"{base}.on_input": torch.tensor(True)},
    "full": lambda base, out, inner: {f"{base}.diff": lora_files.random(out, inner, seed=5), f"{base}.diff_b": lora_files.random(out, seed=6)},
}


@pytest.mark.parametrize("kind", ADAPTERS)
def test_adapters_of_every_kind_act_as_on_plain_weights_and_come_off(parts: dict[str, Any], kind: str, tmp_path: Path) -> None:
    repack(parts, "int8")
    name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
    layer = parts["unet"].get_submodule(name)
    out, inner = layer.form
    other = plain(parts, "int8")
    first = lora_files.save(tmp_path / "first.safetensors", ADAPTERS[kind](f"lora_unet_{name.replace('.', '_')}", out, inner))
    second = lora_files.save(tmp_path / "second.safetensors", ADAPTERS["lora"](f"lora_unet_{name.replace('.', '_')}", out, inner))
    wears = [Wear(first, "a", unet=0.7), Wear(second, "b", unet=0.4)]
    before, codes = answer(parts), layer.weight.clone()
    with worn(other, wears):
        wanted = answer(other)
    with worn(parts, wears) as fits:
        assert all(fit.applied == fit.tensors for fit in fits)
        assert torch.equal(answer(parts), wanted) and not torch.equal(wanted, before)
        assert layer.weight.dtype is torch.int8
    assert torch.equal(answer(parts), before) and torch.equal(layer.weight, codes) and layer.added is None


def test_a_whole_lora_acts_wherever_the_layers_lie(parts: dict[str, Any], tmp_path: Path) -> None:
    endings = (*lora_files.ATTENTION, "conv1", "conv2", "proj_in", "ff.net.0.proj")
    file = lora_files.save(tmp_path / "whole.safetensors", lora_files.kohya(parts, endings=endings))
    repack(parts, "nf4")
    other = plain(parts, "nf4")
    with worn(other, [Wear(file, "x")]):
        wanted = answer(other)
    placed = Placed({"unet": parts["unet"]}, find(DeviceOptions(device="cpu")), tmp_path)
    for where in PLACEMENTS:
        placed.move(where)
        with worn(parts, [Wear(file, "x")]):
            assert torch.equal(answer(parts), wanted), where
    placed.move("resident")
    assert isinstance(parts["unet"].get_submodule("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"), PackedLinear)
