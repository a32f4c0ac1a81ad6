"""Merged and rewritten files against plain torch arithmetic over the same tensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from modules.core.errors import BadModelFile, InvalidRequest
from modules.networks.merge import Mix, merge
from modules.networks.rewriting import averaged, convert
from modules.networks.streaming import Source
from modules.networks.weights import Weights
from tests.networks import tiny

FIRST = "model.diffusion_model.input_blocks.0.0.weight"
IDS = "cond_stage_model.transformer.text_model.embeddings.position_ids"


def quiet(share: float) -> None:
    assert 0 <= share <= 1


def weights(seed: int, channels: int = 4, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
    drawn = torch.Generator().manual_seed(seed)
    shapes = {FIRST: (8, channels, 3, 3), "model.diffusion_model.out.2.weight": (4, 8, 3, 3), "first_stage_model.decoder.conv_in.weight": (6, 4, 3, 3)}
    return {name: torch.randn(shape, generator=drawn).to(dtype) for name, shape in shapes.items()} | {IDS: torch.arange(77)[None]}


def saved(path: Path, tensors: Mapping[str, Tensor], metadata: dict[str, str] | None = None) -> Path:
    save_file(dict(tensors), path, metadata)
    return path


def run(mix: Mix, *paths: Path | None, vae: Path | None = None) -> dict[str, Tensor]:
    a, b, c = (*paths, None, None)[:3]
    assert a is not None
    target = a.parent / "out.safetensors"
    target.unlink(missing_ok=True)
    merge(mix, a, b, c, vae, target, {"k": "v"}, quiet)
    return load_file(target)


def test_weighted_sum_and_add_difference_are_their_formulas(tmp_path: Path) -> None:
    kept = [weights(seed, dtype=dtype) for seed, dtype in ((1, torch.float16), (2, torch.float32), (3, torch.bfloat16))]
    a, b, c = (saved(tmp_path / f"{name}.safetensors", tensors) for name, tensors in zip("abc", kept, strict=True))
    for mix, formula in (
        (Mix(multiplier=0.25), lambda a, b, c: (1 - torch.tensor(0.25)) * a + torch.tensor(0.25) * b),
        (Mix(method="Add difference", multiplier=0.75), lambda a, b, c: a + torch.tensor(0.75) * (b - c)),
    ):
        found = run(mix, a, b, c)
        assert torch.equal(found[IDS], kept[0][IDS])
        for name in (name for name in found if name != IDS):
            wanted = formula(*(tensors[name].float() for tensors in kept)).to(torch.float16)
            assert torch.equal(found[name], wanted), name
    assert torch.equal(run(Mix(multiplier=0), a, b)[FIRST], kept[0][FIRST])
    assert torch.equal(run(Mix(multiplier=1, precision="fp32"), a, b)[FIRST], kept[1][FIRST])


def test_an_inpainting_a_takes_the_plain_channels_over(tmp_path: Path) -> None:
    a, b, c = (saved(tmp_path / f"{name}.safetensors", weights(seed, channels)) for name, seed, channels in (("a", 1, 9), ("b", 2, 4), ("c", 3, 4)))
    found, kept = run(Mix(method="Add difference", multiplier=1), a, b, c)[FIRST], [load_file(path)[FIRST] for path in (a, b, c)]
    assert torch.equal(found[:, 4:], kept[0][:, 4:])
    assert torch.equal(found[:, :4], kept[0][:, :4] + (kept[1] - kept[2]))
    with pytest.raises(InvalidRequest, match="9 input channels") as error:
        run(Mix(), b, a)
    assert "must be A" in error.value.remedy


def test_files_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    a = saved(tmp_path / "a.safetensors", weights(1))
    other = saved(tmp_path / "other.safetensors", {"double_blocks.0.weight": torch.zeros(4, 4)})
    wider = saved(tmp_path / "wider.safetensors", weights(1) | {"model.diffusion_model.out.2.weight": torch.zeros(4, 16, 3, 3)})
    quantised = saved(tmp_path / "q.safetensors", weights(1) | {"x.scale_weight": torch.ones(1)})
    for mix, files in ((Mix(), (a, other)), (Mix(), (a, wider)), (Mix(), (a, quantised))):
        with pytest.raises(BadModelFile):
            run(mix, *files)
    with pytest.raises(InvalidRequest, match="two models"):
        run(Mix(), a)
    with pytest.raises(InvalidRequest, match="three models"):
        run(Mix(method="Add difference"), a, a)
    with pytest.raises(BadModelFile, match="no VAE"):
        run(Mix(method="No interpolation"), a, vae=other)
    assert not (tmp_path / "out.safetensors").exists()


def test_a_vae_of_either_layout_is_baked_in_to_the_bit(tmp_path: Path) -> None:
    """The tiny checkpoint with another tiny one's VAE: from a diffusers folder and from LDM names it is the same file."""
    base, other = tmp_path / "base.safetensors", tmp_path / "other.safetensors"
    tiny.save_single(base, tiny.ldm_tensors(*tiny.parts(0)))
    tiny.save_single(other, tiny.ldm_tensors(*tiny.parts(1)))
    tiny.save_folder(tmp_path / "folder", *tiny.parts(1))
    ldm = {name.removeprefix("first_stage_model."): tensor for name, tensor in load_file(other).items() if name.startswith("first_stage_model.")}
    baked = [
        run(Mix(method="No interpolation"), base, vae=vae)
        for vae in (saved(tmp_path / "vae.safetensors", ldm), tmp_path / "folder" / "vae" / "diffusion_pytorch_model.safetensors")
    ]
    plain, wanted = load_file(base), load_file(other)
    for found in baked:
        assert found.keys() == plain.keys()
        for name, tensor in found.items():
            assert torch.equal(tensor, (wanted if name.startswith("first_stage_model.") else plain)[name]), name


def test_averages_are_dropped_kept_or_used(tmp_path: Path) -> None:
    tensors = weights(1)
    path = saved(tmp_path / "a.safetensors", tensors | {averaged(FIRST): tensors[FIRST] + 1}, {"title": "x"})
    assert averaged(FIRST) == "model_ema.diffusion_modelinput_blocks00weight"
    for averages, wanted in (("drop", tensors[FIRST]), ("use", tensors[FIRST] + 1)):
        target = tmp_path / f"{averages}.safetensors"
        convert(path, target, quiet, "bf16", averages)  # type: ignore[arg-type]
        found = load_file(target)
        assert found.keys() == tensors.keys() and torch.equal(found[FIRST], wanted.bfloat16()) and found[IDS].dtype == torch.int64
        assert Source.open(target).header.metadata == {"title": "x"}
    convert(path, tmp_path / "keep.safetensors", quiet, averages="keep")
    assert torch.equal(load_file(tmp_path / "keep.safetensors")[averaged(FIRST)], tensors[FIRST] + 1)
    with pytest.raises(InvalidRequest, match="no averaged"):
        convert(tmp_path / "drop.safetensors", tmp_path / "no.safetensors", quiet, averages="use")


def test_a_text_encoder_without_its_prefix_gets_it_back(tmp_path: Path) -> None:
    name = "cond_stage_model.transformer.encoder.layers.0.mlp.fc1.weight"
    path = saved(tmp_path / "a.safetensors", {name: torch.ones(2, 2)})
    convert(path, tmp_path / "b.safetensors", quiet)
    assert Weights([tmp_path / "b.safetensors"]).shapes.keys() == {name.replace("transformer.", "transformer.text_model.")}


def test_a_quantised_file_keeps_its_precision(tmp_path: Path) -> None:
    path = saved(tmp_path / "a.safetensors", {"w": torch.ones(2, 2).to(torch.float8_e4m3fn), "w.scale_weight": torch.ones(1)})
    with pytest.raises(InvalidRequest, match="quantised"):
        convert(path, tmp_path / "b.safetensors", quiet, "fp16")
    convert(path, tmp_path / "b.safetensors", quiet)
    assert (tmp_path / "b.safetensors").exists()
