"""Folder and single file become the same networks, to the bit; what cannot be loaded says why."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.catalog import cards
from modules.core.errors import BadModelFile, EaselError, Unsupported
from modules.networks.checkpoint import Parts, load_parts
from tests.networks import tiny


def load(path: Path, dtype: torch.dtype = torch.float32) -> Parts:
    return load_parts(cards.checkpoint(path), dtype)


def prediction(parts: Parts) -> torch.Tensor:
    noise = torch.Generator().manual_seed(3)
    x, context = torch.randn(2, 4, 8, 8, generator=noise), torch.randn(2, 77, tiny.WIDTH, generator=noise)
    return parts.networks["unet"](x, torch.tensor([500.25, 3.0]), encoder_hidden_states=context).sample


def state(parts: Parts) -> dict[str, torch.Tensor]:
    return {f"{part}.{name}": tensor for part in ("unet", "vae", "text_encoder") for name, tensor in parts.networks[part].state_dict().items()}


def test_folder_and_single_file_are_equal_to_the_bit(folder: Path, single: Path, networks: tuple[Any, Any, Any]) -> None:
    ours, theirs = load(folder), load(single)
    for (name, one), (_, other) in zip(state(ours).items(), state(theirs).items(), strict=True):
        assert torch.equal(one, other), name
    assert torch.equal(ours.networks["unet"].state_dict()["conv_in.weight"], networks[0].state_dict()["conv_in.weight"])
    assert torch.equal(prediction(ours), prediction(theirs))
    assert torch.equal(prediction(ours), prediction(load(folder)))
    assert ours.scale == theirs.scale == 0.5
    assert torch.equal(ours.alphas_cumprod, theirs.alphas_cumprod)
    assert ours.networks["vocabulary"].encode("a red apple") == theirs.networks["vocabulary"].encode("a red apple") == [320, 736, 3055]


def test_the_predictions_are_those_of_the_libraries_own_loader(folder: Path, single: Path, networks: tuple[Any, Any, Any]) -> None:
    x, context = torch.ones(1, 4, 8, 8), torch.ones(1, 77, tiny.WIDTH)
    with torch.no_grad():
        expected = networks[0].eval()(x, 7.0, encoder_hidden_states=context).sample
        tokens = torch.arange(77)[None]
        expected_text = networks[2].eval()(tokens).last_hidden_state
        for path in (folder, single):
            parts = load(path)
            torch.testing.assert_close(parts.networks["unet"](x, 7.0, encoder_hidden_states=context).sample, expected, rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(parts.networks["text_encoder"](tokens).last_hidden_state, expected_text, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["folder", "single"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16], ids=str)
def test_networks_are_ready_to_run(kind: str, dtype: torch.dtype, request: pytest.FixtureRequest) -> None:
    parts = load(request.getfixturevalue(kind), dtype)
    for network in (parts.networks[part] for part in ("unet", "vae", "text_encoder")):
        assert not network.training
        for tensor in network.parameters():
            assert tensor.dtype == dtype and not tensor.requires_grad and tensor.device.type == "cpu"
        assert not any(buffer.is_meta for buffer in network.buffers())


def test_sizes_are_read_off_the_tensors(single: Path) -> None:
    parts = load(single)
    assert parts.networks["unet"].config.block_out_channels == list(tiny.LEVELS) and parts.networks["unet"].config.layers_per_block == 1
    assert parts.networks["unet"].config.down_block_types == ["CrossAttnDownBlock2D", "DownBlock2D"]
    assert parts.networks["text_encoder"].config.num_hidden_layers == tiny.TEXT_LAYERS
    assert parts.networks["unet"].down_blocks[0].attentions[0].transformer_blocks[0].attn1.heads == 8


@pytest.mark.parametrize(
    ("yaml", "heads"),
    [("model: {params: {unet_config: {params: {num_heads: 4}}}}", 4), ("model: {params: {unet_config: {params: {num_head_channels: 16}}}}", 2)],
)
def test_attention_heads_come_from_the_yaml(tmp_path: Path, networks: tuple[Any, Any, Any], yaml: str, heads: int) -> None:
    parts = load(tiny.save_single(tmp_path / "x.safetensors", tiny.ldm_tensors(*networks), yaml))
    assert parts.networks["unet"].down_blocks[0].attentions[0].transformer_blocks[0].attn1.heads == heads
    assert parts.scale == 0.18215


def test_linear_projections(tmp_path: Path) -> None:
    made = tiny.parts(2, linear=True)
    parts = load(tiny.save_single(tmp_path / "x.safetensors", tiny.ldm_tensors(*made)))
    assert parts.networks["unet"].config.use_linear_projection
    assert torch.equal(
        parts.networks["unet"].state_dict()["mid_block.attentions.0.proj_in.weight"], made[0].state_dict()["mid_block.attentions.0.proj_in.weight"]
    )


def test_surplus_and_old_names_do_no_harm(tmp_path: Path, networks: tuple[Any, Any, Any], single: Path) -> None:
    tensors = tiny.ldm_tensors(*networks, infix="")
    extra = {"cond_stage_model.transformer.embeddings.position_ids": torch.arange(77)[None], "logit_scale": torch.ones(()), "betas": torch.ones(1000)}
    averaged = {
        name.replace("model.diffusion_model.", "model_ema.").replace(".", ""): tensor.clone() for name, tensor in tensors.items() if "diffusion" in name
    }
    parts = load(tiny.save_single(tmp_path / "x.safetensors", {**tensors, **extra, **averaged}))
    assert torch.equal(prediction(parts), prediction(load(single)))


@pytest.mark.parametrize(("mark", "kind"), [("v_pred", "v"), ("nothing", "eps")])
def test_the_prediction_is_taken_over(tmp_path: Path, networks: tuple[Any, Any, Any], mark: str, kind: str) -> None:
    tensors = {**tiny.ldm_tensors(*networks), mark: torch.zeros(1), "ztsnr": torch.zeros(1)}
    parts = load(tiny.save_single(tmp_path / "x.safetensors", tensors))
    assert parts.prediction == kind and float(parts.alphas_cumprod[-1]) < 1e-7


def test_an_old_folder(tmp_path: Path, folder: Path) -> None:
    """As Stable Diffusion 1.5's was written: other names in the autoencoder's attention, `text_model.` in the text encoder, a half-precision variant."""
    place = shutil.copytree(folder, tmp_path / "old")
    for part, file in (("vae", "diffusion_pytorch_model"), ("text_encoder", "model")):
        path = place / part / f"{file}.safetensors"
        tensors = {}
        for name, tensor in load_file(path).items():
            for ours, theirs in ((".to_q.", ".query."), (".to_k.", ".key."), (".to_v.", ".value."), (".to_out.0.", ".proj_attn.")):
                name = name.replace(ours, theirs)
            tensors[f"text_model.{name}" if part == "text_encoder" else name] = tensor.clone()
        path.unlink()
        save_file(tensors, path.with_name(f"{file}.fp16.safetensors"))
    for (name, one), (_, other) in zip(state(load(place)).items(), state(load(folder)).items(), strict=True):
        assert torch.equal(one, other), name


def test_a_folder_in_pieces(tmp_path: Path, folder: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "pieces")
    whole = place / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    half = len(names) // 2
    files = {f"part-{number}.safetensors": {name: tensors[name].clone() for name in group} for number, group in enumerate((names[:half], names[half:]))}
    for file, group in files.items():
        save_file(group, whole.with_name(file))
    whole.unlink()
    index = {"weight_map": {name: file for file, group in files.items() for name in group}}
    (place / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    assert torch.equal(prediction(load(place)), prediction(load(folder)))
    (place / "unet" / "diffusion_pytorch_model.safetensors.index.json").write_text('{"weight_map": {"a": "../../secret.safetensors"}}')
    with pytest.raises(EaselError, match="index"):
        load(place)


def damaged(tmp_path: Path, networks: tuple[Any, Any, Any], change: Any) -> Path:
    tensors = tiny.ldm_tensors(*networks)
    change(tensors)
    return tiny.save_single(tmp_path / "x.safetensors", tensors)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.diffusion_model.middle_block.0.in_layers.0.weight", "UNet lacks 1 of"),
        ("first_stage_model.decoder.mid.attn_1.k.weight", "first_stage_model.decoder.mid.attn_1.k.weight"),
        ("cond_stage_model.transformer.text_model.final_layer_norm.bias", "text encoder lacks 1 of"),
        ("cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", "token_embedding"),
        ("first_stage_model.encoder.conv_in.weight", "encoder.conv_in"),
        ("model.diffusion_model.out.2.weight", "out.2.weight"),
    ],
)
def test_a_missing_tensor_is_named(tmp_path: Path, networks: tuple[Any, Any, Any], name: str, said: str) -> None:
    path = damaged(tmp_path, networks, lambda tensors: tensors.pop(name))
    with pytest.raises(BadModelFile) as refused:
        load(path)
    assert said in refused.value.what and "x.safetensors" in refused.value.what


@pytest.mark.parametrize("name", ["model.diffusion_model.time_embed.0.weight", "first_stage_model.quant_conv.bias", "first_stage_model.decoder.conv_in.bias"])
def test_another_shape_is_refused(tmp_path: Path, networks: tuple[Any, Any, Any], name: str) -> None:
    path = damaged(tmp_path, networks, lambda tensors: tensors.update({name: torch.zeros(3, 5, dtype=torch.float16)}))
    with pytest.raises(BadModelFile, match="other shapes"):
        load(path)


@pytest.mark.parametrize(
    "yaml",
    [
        "model: {params: {unet_config: {params: {model_channels: 320}}}}",
        "model: {params: {unet_config: {params: {model_channels: 32, channel_mult: [1, 2, 4]}}}}",
        "model: {params: {unet_config: {params: {context_dim: 768}}}}",
        "model: {params: {first_stage_config: {params: {ddconfig: {ch: 128}}}}}",
        "model: {params: {unet_config: {params: {num_heads: 7}}}}",
        "model: {params: {timesteps: 10}}",
        "model: {params: {linear_start: often}}",
    ],
)
def test_a_yaml_of_another_file_is_refused(tmp_path: Path, networks: tuple[Any, Any, Any], yaml: str) -> None:
    with pytest.raises(BadModelFile):
        load(tiny.save_single(tmp_path / "x.safetensors", tiny.ldm_tensors(*networks), yaml))


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("unet", {"block_out_channels": [64, 64]}),
        ("unet", {"layers_per_block": 10**9}),
        ("unet", {"block_out_channels": [10**12, 64]}),
        ("unet", {"down_block_types": ["NoSuchBlock", "DownBlock2D"]}),
        ("unet", {"norm_num_groups": 7}),
        ("vae", {"scaling_factor": "wide"}),
        ("vae", {"scaling_factor": -1}),
        ("text_encoder", {"num_hidden_layers": 4}),
        ("text_encoder", {"num_hidden_layers": 10**8}),
        ("text_encoder", {"hidden_act": "no_such"}),
        ("text_encoder", {"hidden_size": "wide"}),
        ("text_encoder", {"vocab_size": 100}),
    ],
)
def test_a_folder_whose_config_does_not_fit_is_refused(tmp_path: Path, folder: Path, part: str, change: dict[str, Any]) -> None:
    place = shutil.copytree(folder, tmp_path / "m")
    path = place / part / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(BadModelFile, match="cannot be loaded"):
        load(place)


def test_a_folder_without_its_vocabulary_is_refused(tmp_path: Path, folder: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "m")
    shutil.rmtree(place / "tokenizer")
    with pytest.raises(BadModelFile, match="tokenizer"):
        load(place)


def test_another_architecture_is_refused_by_its_name(tmp_path: Path, single: Path) -> None:
    card = replace(cards.checkpoint(single), path=tmp_path / "lora.safetensors")
    save_file({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": torch.zeros(2, 2)}, card.path)
    with pytest.raises(Unsupported, match="LoRA"):
        load_parts(card, torch.float32)


def test_a_truncated_file_is_refused(tmp_path: Path, single: Path) -> None:
    path = tmp_path / "cut.safetensors"
    path.write_bytes(single.read_bytes()[:-1000])
    with pytest.raises(EaselError, match="cut short"):
        load(path)
