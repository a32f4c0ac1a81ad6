"""The names are LDM's: diffusers' own converters, which go the other way, find every tensor again."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint

from modules.networks import ldm_names
from tests.networks import tiny


def equal(found: dict[str, Any], expected: dict[str, Any]) -> bool:
    return set(found) == set(expected) and all(torch.equal(found[name].float(), expected[name]) for name in expected)


@pytest.mark.parametrize("linear", [False, True])
def test_the_unet_goes_round(linear: bool) -> None:
    unet, vae, text_encoder = tiny.parts(1, linear)
    found = convert_ldm_unet_checkpoint(tiny.ldm_tensors(unet, vae, text_encoder), dict(unet.config))
    assert equal(found, unet.state_dict())


def test_the_autoencoder_goes_round(networks: tuple[Any, Any, Any]) -> None:
    unet, vae, _ = networks
    tensors = {name: tensor for name, tensor in tiny.ldm_tensors(*networks).items() if name.startswith(ldm_names.VAE)}
    assert equal(convert_ldm_vae_checkpoint(tensors, dict(vae.config)), vae.state_dict())


NAMES = [
    ("conv_in.weight", "input_blocks.0.0.weight"),
    ("time_embedding.linear_2.bias", "time_embed.2.bias"),
    ("down_blocks.0.resnets.1.time_emb_proj.weight", "input_blocks.2.0.emb_layers.1.weight"),
    ("down_blocks.0.downsamplers.0.conv.bias", "input_blocks.3.0.op.bias"),
    ("down_blocks.2.attentions.0.transformer_blocks.0.norm1.weight", "input_blocks.7.1.transformer_blocks.0.norm1.weight"),
    ("mid_block.attentions.0.transformer_blocks.0.norm2.weight", "middle_block.1.transformer_blocks.0.norm2.weight"),
    ("mid_block.resnets.1.conv2.weight", "middle_block.2.out_layers.3.weight"),
    ("up_blocks.0.upsamplers.0.conv.weight", "output_blocks.2.1.conv.weight"),
    ("up_blocks.1.upsamplers.0.conv.weight", "output_blocks.5.2.conv.weight"),
    ("up_blocks.3.resnets.2.conv_shortcut.bias", "output_blocks.11.0.skip_connection.bias"),
    ("conv_norm_out.weight", "out.0.weight"),
]
"""Of Stable Diffusion 1.5, as its published file has them."""


@pytest.mark.parametrize(("ours", "theirs"), NAMES)
def test_names_of_the_full_size_unet(ours: str, theirs: str) -> None:
    assert ldm_names.unet(ours, 2, (False, True, True, True)) == "model.diffusion_model." + theirs


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("decoder.up_blocks.0.resnets.2.conv1.weight", "decoder.up.3.block.2.conv1.weight"),
        ("encoder.down_blocks.1.resnets.0.conv_shortcut.weight", "encoder.down.1.block.0.nin_shortcut.weight"),
        ("encoder.mid_block.attentions.0.to_out.0.bias", "encoder.mid.attn_1.proj_out.bias"),
        ("decoder.conv_norm_out.weight", "decoder.norm_out.weight"),
        ("post_quant_conv.bias", "post_quant_conv.bias"),
    ],
)
def test_names_of_the_full_size_autoencoder(ours: str, theirs: str) -> None:
    assert ldm_names.vae(ours, 4) == "first_stage_model." + theirs


def test_names_of_the_text_encoder() -> None:
    wanted = "cond_stage_model.transformer.text_model.final_layer_norm.bias"
    assert ldm_names.text_encoder("final_layer_norm.bias") == ldm_names.text_encoder("text_model.final_layer_norm.bias") == wanted
    assert ldm_names.text_encoder("final_layer_norm.bias", "") == "cond_stage_model.transformer.final_layer_norm.bias"
