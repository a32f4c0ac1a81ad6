"""LoRAs on tiny SDXL, Stable Diffusion 3 and FLUX: every trainer's names find their layers, as diffusers' own loader says, and as written out where it cannot read them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import FluxPipeline, StableDiffusion3Pipeline, StableDiffusionXLPipeline
from torch import Tensor, nn

from modules.networks.lora import Wear, weight_of, worn
from modules.networks.lora_names import Names, Place
from tests.networks import lora_files, tiny_joint, tiny_xl
from tests.networks.lora_files import random

RANK, STRENGTH = 2, 0.7


def pair(base: str, rows: int, columns: int, seed: int, ends: tuple[str, str] = ("lora_down", "lora_up")) -> dict[str, Tensor]:
    return {f"{base}.{ends[0]}.weight": random(RANK, columns, seed=seed), f"{base}.{ends[1]}.weight": random(rows, RANK, seed=seed + 1)}


def product(tensors: dict[str, Tensor], base: str) -> Tensor:
    return tensors[f"{base}.lora_up.weight"] @ tensors[f"{base}.lora_down.weight"] * STRENGTH


def changes(parts: dict[str, Any], tensors: dict[str, Tensor], place: Path) -> dict[Place, Tensor]:
    """What each layer gains, and that every tensor of the file was used."""
    names = Names(parts)
    before = {place: weight_of(layer).detach().clone() for place, layer in names.layers.items()}
    with worn(parts, [Wear(lora_files.save(place / "x.safetensors", tensors), "x", te=STRENGTH, unet=STRENGTH)]) as (fit,):
        assert fit.applied == fit.tensors == len(tensors), fit.unknown
        after = {place: weight_of(layer).detach() - before[place] for place, layer in names.layers.items()}
    return {place: gained for place, gained in after.items() if gained.abs().max() > 0}


def theirs(pipe: Any, parts: dict[str, Any], tensors: dict[str, Tensor]) -> dict[Place, Tensor]:
    """The same by diffusers: what its adapters would add."""
    pipe.load_lora_weights(dict(tensors), adapter_name="x")
    found: dict[Place, Tensor] = {}
    for part, network in parts.items():
        for name, layer in network.named_modules() if isinstance(network, nn.Module) else ():
            if hasattr(layer, "lora_A") and "x" in layer.lora_A:
                found[Place(part, name)] = layer.get_delta_weight("x").detach() * STRENGTH
    pipe.unload_lora_weights()
    return found


def same(ours: dict[Place, Tensor], wanted: dict[Place, Tensor]) -> None:
    assert set(ours) == set(wanted)
    for place, gained in ours.items():
        torch.testing.assert_close(gained, wanted[place], atol=2e-6, rtol=1e-4)


@pytest.fixture(scope="module")
def flux() -> dict[str, Any]:
    return tiny_joint.flux()


@pytest.fixture(scope="module")
def sd3() -> dict[str, Any]:
    return tiny_joint.sd3()


def sizes(parts: dict[str, Any], part: str, layer: str) -> tuple[int, int]:
    rows, columns = weight_of(parts[part].get_submodule(layer)).shape
    return int(rows), int(columns)


def peft(parts: dict[str, Any], part: str, endings: tuple[str, ...]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for seed, (name, layer) in enumerate(lora_files.layers(parts[part], endings).items()):
        rows, columns = weight_of(layer).shape
        found |= pair(f"{part}.{name}", rows, columns, seed=7 * seed, ends=("lora_A", "lora_B"))
    return found


def test_flux_in_peft_names_equals_diffusers(flux: dict[str, Any], tmp_path: Path) -> None:
    tensors = peft(flux, "transformer", ("to_q", "to_k", "to_v", "add_q_proj", "to_add_out", "proj_mlp", "proj_out", "ff.net.2", "norm.linear"))
    ours = changes(flux, tensors, tmp_path)
    assert len(ours) > 10
    pipe = FluxPipeline(
        scheduler=None, vae=flux["vae"], text_encoder=None, tokenizer=None, text_encoder_2=None, tokenizer_2=None, transformer=flux["transformer"]
    )
    same(ours, theirs(pipe, {"transformer": flux["transformer"]}, tensors))


def test_flux_in_the_original_names_has_its_fused_rows_divided(flux: dict[str, Any], tmp_path: Path) -> None:
    """kohya's names with underscores and ai-toolkit's dotted ones; the rows of q, k and v lie one below the other."""
    width = tiny_joint.WIDTH
    shapes = {
        "double_blocks.1.img_attn.qkv": (3 * width, width),
        "double_blocks.0.txt_attn.qkv": (3 * width, width),
        "double_blocks.0.img_attn.proj": (width, width),
        "double_blocks.0.txt_mlp.0": (4 * width, width),
        "double_blocks.1.img_mod.lin": (6 * width, width),
        "single_blocks.0.linear1": (7 * width, width),
        "single_blocks.1.linear2": (width, 5 * width),
        "single_blocks.0.modulation.lin": (3 * width, width),
    }
    places = {
        "double_blocks.1.img_attn.qkv": [f"transformer_blocks.1.attn.{name}" for name in ("to_q", "to_k", "to_v")],
        "double_blocks.0.txt_attn.qkv": [f"transformer_blocks.0.attn.{name}" for name in ("add_q_proj", "add_k_proj", "add_v_proj")],
        "double_blocks.0.img_attn.proj": ["transformer_blocks.0.attn.to_out.0"],
        "double_blocks.0.txt_mlp.0": ["transformer_blocks.0.ff_context.net.0.proj"],
        "double_blocks.1.img_mod.lin": ["transformer_blocks.1.norm1.linear"],
        "single_blocks.0.linear1": [f"single_transformer_blocks.0.{name}" for name in ("attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp")],
        "single_blocks.1.linear2": ["single_transformer_blocks.1.proj_out"],
        "single_blocks.0.modulation.lin": ["single_transformer_blocks.0.norm.linear"],
    }
    kohya: dict[str, Tensor] = {}
    dotted: dict[str, Tensor] = {}
    wanted: dict[Place, Tensor] = {}
    for seed, (name, shape) in enumerate(shapes.items()):
        flat = "lora_unet_" + name.replace(".", "_")
        made = pair(flat, *shape, seed=5 * seed)
        kohya |= made
        dotted |= {
            f"diffusion_model.{name}.lora_A.weight": made[f"{flat}.lora_down.weight"],
            f"diffusion_model.{name}.lora_B.weight": made[f"{flat}.lora_up.weight"],
        }
        rows = [sizes(flux, "transformer", layer)[0] for layer in places[name]]
        wanted |= {Place("transformer", layer): part for layer, part in zip(places[name], product(made, flat).split(rows), strict=True)}
    same(changes(flux, kohya, tmp_path), wanted)
    same(changes(flux, dotted, tmp_path), wanted)


def test_what_needs_the_weight_itself_sees_all_fused_rows(flux: dict[str, Any], tmp_path: Path) -> None:
    """DoRA with one length per column of q, k and v together."""
    width = tiny_joint.WIDTH
    layers = [flux["transformer"].transformer_blocks[0].attn.get_submodule(name) for name in ("to_q", "to_k", "to_v")]
    own = torch.cat([weight_of(layer).detach() for layer in layers])
    tensors = pair("lora_unet_double_blocks_0_img_attn_qkv", 3 * width, width, seed=1)
    merged = own + product(tensors, "lora_unet_double_blocks_0_img_attn_qkv") / STRENGTH
    lengths = random(1, width, seed=3, scale=1.0).abs() + 0.5
    wanted = STRENGTH * (lengths * merged / merged.norm(dim=0, keepdim=True) - own)
    found = changes(flux, tensors | {"lora_unet_double_blocks_0_img_attn_qkv.dora_scale": lengths}, tmp_path)
    for place, part in zip((f"transformer_blocks.0.attn.{name}" for name in ("to_q", "to_k", "to_v")), wanted.split(width), strict=True):
        torch.testing.assert_close(found[Place("transformer", place)], part, atol=1e-5, rtol=1e-4)


def test_flux_text_encoders(flux: dict[str, Any], tmp_path: Path) -> None:
    tensors = pair("lora_te1_text_model_encoder_layers_0_self_attn_q_proj", *sizes(flux, "text_encoder", "encoder.layers.0.self_attn.q_proj"), seed=1)
    t5 = "encoder.block.0.layer.0.SelfAttention.q"
    tensors |= pair("lora_te3_" + t5.replace(".", "_"), *sizes(flux, "text_encoder_2", t5), seed=3)
    assert set(changes(flux, tensors, tmp_path)) == {Place("text_encoder", "encoder.layers.0.self_attn.q_proj"), Place("text_encoder_2", t5)}


def test_sd3_in_peft_names_equals_diffusers(sd3: dict[str, Any], tmp_path: Path) -> None:
    tensors = peft(sd3, "transformer", ("to_q", "to_k", "to_v", "to_out.0", "add_k_proj", "ff.net.0.proj"))
    clip = peft(sd3, "text_encoder", ("q_proj",))
    ours = changes(sd3, tensors, tmp_path)
    none = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2", "text_encoder_3", "tokenizer_3"))
    pipe = StableDiffusion3Pipeline(transformer=sd3["transformer"], scheduler=None, vae=sd3["vae"], **none)
    same(ours, theirs(pipe, {"transformer": sd3["transformer"]}, tensors))
    assert {place.part for place in changes(sd3, clip, tmp_path)} == {"text_encoder"}


def test_sd3_in_the_original_names(sd3: dict[str, Any], tmp_path: Path) -> None:
    width = tiny_joint.WIDTH
    shapes = {
        "joint_blocks_0_x_block_attn_qkv": 3,
        "joint_blocks_0_context_block_attn_qkv": 3,
        "joint_blocks_0_x_block_attn2_qkv": 3,
        "joint_blocks_0_x_block_mlp_fc1": 4,
    }
    tensors: dict[str, Tensor] = {}
    for seed, (name, times) in enumerate(shapes.items()):
        tensors |= pair(f"lora_unet_{name}", times * width, width, seed=5 * seed)
    found = changes(sd3, tensors, tmp_path)
    block = "transformer_blocks.0"
    layers = {
        "joint_blocks_0_x_block_attn_qkv": [f"{block}.attn.{name}" for name in ("to_q", "to_k", "to_v")],
        "joint_blocks_0_context_block_attn_qkv": [f"{block}.attn.{name}" for name in ("add_q_proj", "add_k_proj", "add_v_proj")],
        "joint_blocks_0_x_block_attn2_qkv": [f"{block}.attn2.{name}" for name in ("to_q", "to_k", "to_v")],
        "joint_blocks_0_x_block_mlp_fc1": [f"{block}.ff.net.0.proj"],
    }
    same(
        found,
        {
            Place("transformer", layer): part
            for name, names in layers.items()
            for layer, part in zip(names, product(tensors, f"lora_unet_{name}").chunk(len(names)), strict=True)
        },
    )


def test_the_last_modulations_are_left_alone(flux: dict[str, Any], tmp_path: Path) -> None:
    """diffusers turned their halves about."""
    tensors = pair("lora_unet_final_layer_adaLN_modulation_1", 2 * tiny_joint.WIDTH, tiny_joint.WIDTH, seed=1)
    with worn(flux, [Wear(lora_files.save(tmp_path / "x.safetensors", tensors), "x")]) as (fit,):
        assert fit.applied == 0


def test_sdxl_with_both_text_encoders_equals_diffusers(tmp_path: Path) -> None:
    parts = tiny_xl.base()
    tensors = lora_files.kohya(parts, alpha=2.0, rank=RANK, endings=("to_q", "to_out.0"))
    tensors = {name: tensor for name, tensor in tensors.items() if "lora_te_" not in name}
    for number, part in ((1, "text_encoder"), (2, "text_encoder_2")):
        for layer in range(2):
            inner = f"encoder.layers.{layer}.self_attn.q_proj"
            base = f"lora_te{number}_text_model_{inner.replace('.', '_')}"
            full = next(name for name, _ in parts[part].named_modules() if name.endswith(inner))
            tensors |= pair(base, *sizes(parts, part, full), seed=100 * number + layer) | {f"{base}.alpha": torch.tensor(float(RANK))}
    ours = changes(parts, tensors, tmp_path)
    assert {place.part for place in ours} == {"unet", "text_encoder", "text_encoder_2"}
    pipe = StableDiffusionXLPipeline(
        vae=parts["vae"],
        text_encoder=parts["text_encoder"],
        text_encoder_2=parts["text_encoder_2"],
        tokenizer=None,
        tokenizer_2=None,
        unet=parts["unet"],
        scheduler=None,
        add_watermarker=False,
    )
    only = {name: tensor for name, tensor in tensors.items() if name.startswith("lora_unet")}
    same({place: gained for place, gained in ours.items() if place.part == "unet"}, theirs(pipe, {"unet": parts["unet"]}, only))
