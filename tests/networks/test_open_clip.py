"""open_clip's layout, seen under transformers' names, and the names of the way back."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import CLIPTextModelWithProjection

from modules.networks.open_clip import OpenClip, sources
from modules.networks.weights import Weights
from tests.networks import tiny_xl


def test_each_tensor_is_found_again(tmp_path: Path) -> None:
    network = tiny_xl.encoder(CLIPTextModelWithProjection, 64)
    tensors = {f"a.b.{name}": tensor.contiguous() for name, tensor in tiny_xl.open_clip(network).items()}
    save_file({**tensors, "other.ln_final.bias": torch.zeros(2)}, tmp_path / "x.safetensors")
    seen = OpenClip(Weights([tmp_path / "x.safetensors"]), "a.b.")
    wanted = {name.removeprefix("text_model."): tensor for name, tensor in network.state_dict().items()}
    assert seen.depth == 3 and seen.shapes == {name: tuple(tensor.shape) for name, tensor in wanted.items()}
    found = seen.read(wanted, torch.float32)
    assert all(torch.equal(found[name], wanted[name]) and found[name].is_contiguous() for name in wanted)
    assert seen.place("encoder.layers.1.self_attn.k_proj.bias") == ("a.b.transformer.resblocks.1.attn.in_proj_bias", "1")
    assert seen.place("text_projection.weight") == ("a.b.text_projection", "turned")


def test_the_names_of_the_way_back(tmp_path: Path) -> None:
    network = tiny_xl.encoder(CLIPTextModelWithProjection, 64)
    found = sources({name: tuple(tensor.shape) for name, tensor in network.state_dict().items()})
    assert set(found) == set(tiny_xl.open_clip(network)) - {"logit_scale"}
    parts = tuple(f"text_model.encoder.layers.0.self_attn.{part}_proj.weight" for part in "qkv")
    assert found["transformer.resblocks.0.attn.in_proj_weight"] == parts


def test_a_file_without_the_encoder_shows_nothing(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    seen = OpenClip(Weights([tmp_path / "x.safetensors"]), "a.b.")
    assert not seen.shapes and seen.depth == 0
