"""LoRAs on a tiny Stable Diffusion: against diffusers' own loader, off again to the bit, several together, and what does not fit."""

from __future__ import annotations

import gc
import itertools
import random as chance
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor

from modules.core.errors import BadModelFile, Unsupported
from modules.core.options import DeviceOptions, Placement
from modules.memory.device import find
from modules.memory.placement import Placed
from modules.networks import ldm_names
from modules.networks.lora import Wear, weight_of, worn
from modules.networks.lora_names import Names
from tests.networks import lora_files, tiny

WITH_CONVOLUTIONS = (*lora_files.ATTENTION, "conv1", "conv2", "proj_in", "proj_out", "ff.net.0.proj", "fc1")


@pytest.fixture(scope="module")
def parts() -> dict[str, Any]:
    unet, vae, text_encoder = tiny.parts()
    return {"unet": unet.eval(), "vae": vae.eval(), "text_encoder": text_encoder.eval(), "vocabulary": object()}


def answers(parts: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """What text encoder and UNet make of fixed inputs."""
    with torch.no_grad():
        text = parts["text_encoder"](input_ids=torch.arange(77)[None] + 300).last_hidden_state
        context = lora_files.random(1, 77, tiny.WIDTH, seed=1, scale=1.0)
        return text, parts["unet"](lora_files.random(1, 4, 16, 16, seed=2, scale=1.0), torch.tensor([500]), encoder_hidden_states=context).sample


def weights(parts: dict[str, Any]) -> dict[str, Tensor]:
    return {f"{part}.{name}": tensor for part in ("unet", "text_encoder") for name, tensor in parts[part].state_dict().items()}


def farthest(one: tuple[Tensor, ...], other: tuple[Tensor, ...]) -> float:
    return max(float((a - b).abs().max()) for a, b in zip(one, other, strict=True))


def peft(parts: dict[str, Any]) -> dict[str, Tensor]:
    """As diffusers saves since it uses peft."""
    found: dict[str, Tensor] = {}
    for seed, (name, layer) in enumerate(lora_files.layers(parts["unet"]).items()):
        out, inner = weight_of(layer).shape
        found[f"unet.{name}.lora_A.weight"] = lora_files.random(4, inner, seed=3 * seed)
        found[f"unet.{name}.lora_B.weight"] = lora_files.random(out, 4, seed=3 * seed + 1)
    return found


@pytest.mark.parametrize("kind", ["kohya", "kohya with convolutions", "peft"])
def test_equals_diffusers_own_loader(parts: dict[str, Any], kind: str, tmp_path: Path) -> None:
    tensors = {
        "kohya": lambda: {name: tensor for name, tensor in lora_files.kohya(parts).items() if name.startswith("lora_unet_")},
        "kohya with convolutions": lambda: {
            name: tensor for name, tensor in lora_files.kohya(parts, endings=WITH_CONVOLUTIONS).items() if name.startswith("lora_unet_")
        },
        "peft": lambda: peft(parts),
    }[kind]()
    file = lora_files.save(tmp_path / "x.safetensors", tensors)
    plain = answers(parts)
    with worn(parts, [Wear(file, "x", unet=0.7)]) as (fit,):
        ours = answers(parts)
    assert fit.applied == fit.tensors == len(tensors) and not fit.unknown
    pipe = StableDiffusionPipeline(
        **{name: parts[name] for name in ("vae", "text_encoder", "unet")}, tokenizer=None, scheduler=None, safety_checker=None, feature_extractor=None
    )
    pipe.load_lora_weights(tensors, adapter_name="x")
    pipe.set_adapters(["x"], [0.7])
    theirs = answers(parts)
    pipe.unload_lora_weights()
    assert farthest(ours, theirs) < 2e-5
    assert farthest(ours, plain) > 1e-2


def test_text_encoder_and_unet_have_strengths_of_their_own(parts: dict[str, Any], tmp_path: Path) -> None:
    file = lora_files.save(tmp_path / "x.safetensors", lora_files.kohya(parts))
    text, image = answers(parts)
    with worn(parts, [Wear(file, "x", te=1, unet=0)]):
        only_text = answers(parts)
    with worn(parts, [Wear(file, "x", te=0, unet=1)]):
        only_image = answers(parts)
    assert torch.equal(only_text[1], image) and not torch.equal(only_text[0], text)
    assert torch.equal(only_image[0], text) and not torch.equal(only_image[1], image)


def alive() -> tuple[int, int]:
    """How many tensors there are, and their bytes."""
    gc.collect()
    tensors = [thing for thing in gc.get_objects() if isinstance(thing, Tensor)]
    return len(tensors), sum(tensor.nbytes for tensor in tensors)


def test_on_and_off_a_hundred_times_in_any_combination_leaves_every_bit(parts: dict[str, Any], tmp_path: Path) -> None:
    files = [
        lora_files.save(tmp_path / f"{seed}.safetensors", lora_files.kohya(parts, seed=1000 * seed, rank=2, endings=("to_q", "q_proj", "conv1")))
        for seed in range(4)
    ]
    before = {name: tensor.clone() for name, tensor in weights(parts).items()}
    places = {name: tensor.data_ptr() for name, tensor in weights(parts).items()}
    dice = chance.Random(1)

    def query() -> Any:
        return parts["unet"].mid_block.attentions[0].transformer_blocks[0].attn1.to_q

    plain = query().weight.clone()
    memory = alive()
    for _ in range(100):
        chosen = dice.sample(files, dice.randint(1, 4))
        with worn(parts, [Wear(file, file.stem, te=dice.uniform(-2, 2), unet=dice.uniform(-2, 2)) for file in chosen]):
            assert not torch.equal(query().weight, plain)
        assert all(tensor.data_ptr() == places[name] for name, tensor in weights(parts).items())
    assert alive() == memory
    assert all(torch.equal(tensor, before[name]) for name, tensor in weights(parts).items())


def test_several_give_the_same_bits_in_every_order(parts: dict[str, Any], tmp_path: Path) -> None:
    files = [lora_files.save(tmp_path / f"{seed}.safetensors", lora_files.kohya(parts, seed=1000 * seed)) for seed in range(3)]
    results = []
    for order in itertools.permutations(files):
        with worn(parts, [Wear(file, file.stem, te=0.3, unet=0.9) for file in order]) as fits:
            results.append(answers(parts))
        assert [fit.path for fit in fits] == list(order)
    assert all(farthest(results[0], other) == 0 for other in results[1:])


def test_nested_ones_come_off_one_by_one(parts: dict[str, Any], tmp_path: Path) -> None:
    first, second = (lora_files.save(tmp_path / f"{seed}.safetensors", lora_files.kohya(parts, seed=seed)) for seed in (0, 5000))
    plain = answers(parts)
    with worn(parts, [Wear(first, "1")]):
        one = answers(parts)
        with worn(parts, [Wear(second, "2")]):
            assert farthest(answers(parts), one) > 1e-3
        assert farthest(answers(parts), one) == 0
    assert farthest(answers(parts), plain) == 0


def renamed(tensors: dict[str, Tensor], *pairs: tuple[str, str]) -> dict[str, Tensor]:
    for old, new in pairs:
        tensors = {name.replace(old, new): tensor for name, tensor in tensors.items()}
    return tensors


def test_other_trainers_names_mean_the_same_layers(parts: dict[str, Any], tmp_path: Path) -> None:
    """The same adapter under kohya's names, diffusers' (old and new), peft's, and those of the original code."""
    unet = peft(parts)
    attention = tuple("CrossAttn" in kind for kind in parts["unet"].config.up_block_types)

    def original(name: str, separator: str) -> str:
        layer, ending = name.removeprefix("unet.").split(".lora_")
        theirs = ldm_names.unet(f"{layer}.weight", 1, attention).removeprefix(ldm_names.UNET).removesuffix(".weight")
        return (f"lora_unet_{theirs.replace('.', '_')}" if separator == "_" else f"diffusion_model.{theirs}") + f".lora_{ending}"

    spellings = {
        "peft": unet,
        "peft bare": {f"base_model.model.{name.removeprefix('unet.')}": tensor for name, tensor in unet.items()},
        "diffusers": renamed(unet, (".lora_A.", ".lora.down."), (".lora_B.", ".lora.up.")),
        "diffusers old": renamed(unet, ("to_out.0.lora", "to_out.lora"), (".to_", ".processor.to_"), (".lora_A.", "_lora.down."), (".lora_B.", "_lora.up.")),
        "kohya with the original names": {original(name, "_"): tensor for name, tensor in unet.items()},
        "the original names": {original(name, "."): tensor for name, tensor in unet.items()},
    }
    results = {}
    for spelling, tensors in spellings.items():
        file = lora_files.save(tmp_path / f"{spelling}.safetensors", tensors)
        with worn(parts, [Wear(file, "x")]) as (fit,):
            results[spelling] = answers(parts)
        assert fit.applied == fit.tensors, (spelling, fit.unknown)
    assert all(farthest(results["peft"], other) == 0 for other in results.values())


def test_norms_biases_and_whole_differences(parts: dict[str, Any], tmp_path: Path) -> None:
    unet = parts["unet"]
    tensors = {
        "lora_unet_conv_norm_out.w_norm": lora_files.random(*unet.conv_norm_out.weight.shape, seed=1),
        "lora_unet_conv_norm_out.b_norm": lora_files.random(*unet.conv_norm_out.bias.shape, seed=2),
        "lora_unet_conv_out.diff": lora_files.random(*unet.conv_out.weight.shape, seed=3),
        "lora_unet_conv_out.diff_b": lora_files.random(*unet.conv_out.bias.shape, seed=4),
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q.diff_b": torch.ones(64),  # a layer without a bias of its own
    }
    query = unet.mid_block.attentions[0].transformer_blocks[0].attn1.to_q
    before = {name: tensor.clone() for name, tensor in unet.state_dict().items()}
    with worn(parts, [Wear(lora_files.save(tmp_path / "x.safetensors", tensors), "x", unet=2)]) as (fit,):
        assert fit.applied == 5
        torch.testing.assert_close(unet.conv_norm_out.weight, before["conv_norm_out.weight"] + 2 * tensors["lora_unet_conv_norm_out.w_norm"])
        torch.testing.assert_close(unet.conv_norm_out.bias, before["conv_norm_out.bias"] + 2 * tensors["lora_unet_conv_norm_out.b_norm"])
        torch.testing.assert_close(unet.conv_out.weight, before["conv_out.weight"] + 2 * tensors["lora_unet_conv_out.diff"])
        torch.testing.assert_close(unet.conv_out.bias, before["conv_out.bias"] + 2 * tensors["lora_unet_conv_out.diff_b"])
        torch.testing.assert_close(query.bias, torch.full((64,), 2.0))
    assert query.bias is None
    assert all(torch.equal(tensor, before[name]) for name, tensor in unet.state_dict().items())


def test_one_of_another_width_is_refused_and_nothing_was_changed(parts: dict[str, Any], tmp_path: Path) -> None:
    good = lora_files.save(tmp_path / "good.safetensors", lora_files.kohya(parts))
    wide = {name: torch.cat([tensor, tensor], 1) if name.endswith("lora_down.weight") else tensor for name, tensor in lora_files.kohya(parts).items()}
    before = weights(parts)
    with (
        pytest.raises(Unsupported, match="made for another kind of model") as caught,
        worn(parts, [Wear(good, "1"), Wear(lora_files.save(tmp_path / "wide.safetensors", wide), "2")]),
    ):
        pytest.fail("it was put on")
    assert caught.value.remedy
    assert all(tensor.data_ptr() == before[name].data_ptr() for name, tensor in weights(parts).items())


def test_what_finds_no_layer_is_counted_and_named(parts: dict[str, Any], tmp_path: Path) -> None:
    tensors = {"lora_unet_nowhere.lora_up.weight": torch.ones(2, 2), "lora_unet_nowhere.lora_down.weight": torch.ones(2, 2), "something": torch.ones(1)}
    with worn(parts, [Wear(lora_files.save(tmp_path / "x.safetensors", tensors), "x")]) as (fit,):
        assert (fit.applied, fit.tensors) == (0, 3)
        assert set(fit.unknown) == set(tensors)


@pytest.mark.parametrize("where", ["medvram", "group", "lowvram"])
def test_weights_that_wait_elsewhere_are_dressed_all_the_same(parts: dict[str, Any], tmp_path: Path, where: Placement) -> None:
    file = lora_files.save(tmp_path / "x.safetensors", lora_files.kohya(parts))
    plain = answers(parts)
    with worn(parts, [Wear(file, "x", te=0.5, unet=0.5)]):
        wanted = answers(parts)
    unet, vae, text_encoder = tiny.parts()
    moved: dict[str, Any] = {"unet": unet.eval(), "text_encoder": text_encoder.eval()}
    placed = Placed(moved, find(DeviceOptions(device="cpu")), tmp_path)
    placed.move(where)
    with worn(moved, [Wear(file, "x", te=0.5, unet=0.5)]) as (fit,):
        assert fit.applied == fit.tensors
        assert farthest(answers(moved), wanted) == 0
    assert farthest(answers(moved), plain) == 0


def test_a_damaged_file_is_said(parts: dict[str, Any], tmp_path: Path) -> None:
    file = lora_files.save(tmp_path / "x.safetensors", lora_files.kohya(parts))
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(BadModelFile, match="cut short"), worn(parts, [Wear(file, "x")]):
        pytest.fail("it was put on")


def test_every_layer_of_a_model_has_one_name_of_its_own(parts: dict[str, Any]) -> None:
    names = Names(parts)
    for place in names.layers:
        prefix = "lora_unet_" if place.part == "unet" else "lora_te_"
        assert names.find(prefix + place.layer.replace(".", "_")) == (place,)
