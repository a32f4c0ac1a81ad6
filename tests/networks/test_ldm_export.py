"""One file becomes a folder and the folder that file again, to the bit; other programs' readers read both."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import DiffusionPipeline
from safetensors import safe_open
from safetensors.torch import load_file

from modules.catalog import cards
from modules.core.errors import OutputTrouble, Unsupported
from modules.families import FAMILIES_BY_NAME
from modules.networks.ldm_export import to_single_file
from modules.networks.ldm_folder import REST, to_folder
from tests.families.test_sdxl import YAML, state
from tests.networks import tiny, tiny_xl


def quiet(share: float) -> None:
    assert 0 <= share <= 1.0001


def kinds() -> dict[str, dict[str, torch.Tensor]]:
    first = tiny.ldm_tensors(*tiny.parts())
    surplus = {"betas": torch.ones(1000), "cond_stage_model.transformer.text_model.embeddings.position_ids": torch.arange(77)[None]}
    base = {**tiny_xl.ldm_tensors(tiny_xl.base(channels=9)), "v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}
    refiner = tiny_xl.ldm_tensors(tiny_xl.refiner(), big="conditioner.embedders.0.model.")
    return {"sd1": {**first, **surplus}, "sd2": tiny_xl.second_tensors(tiny_xl.second()), "sdxl": base, "sdxl-refiner": refiner}


@pytest.mark.parametrize("family", ["sd1", "sd2", "sdxl", "sdxl-refiner"])
def test_there_and_back(tmp_path: Path, family: str) -> None:
    tensors = kinds()[family]
    path = tiny.save_single(tmp_path / "x.safetensors", tensors, YAML)
    prediction = FAMILIES_BY_NAME[family].load(cards.checkpoint(path), "cpu", torch.float32).prediction
    to_folder(path, tmp_path / "folder", quiet, path.with_suffix(".yaml"), prediction)
    to_single_file(tmp_path / "folder", tmp_path / "back.safetensors", quiet)
    back = load_file(tmp_path / "back.safetensors")
    assert back.keys() == tensors.keys()
    assert all(back[name].dtype == tensors[name].dtype and torch.equal(back[name], tensors[name]) for name in tensors)
    with safe_open(tmp_path / "back.safetensors", "pt") as file:
        assert file.metadata() == {"format": "pt"}
    loads = FAMILIES_BY_NAME[family]
    ours, theirs, again = (loads.load(cards.checkpoint(one), "cpu", torch.float32) for one in (path, tmp_path / "folder", tmp_path / "back.safetensors"))
    for other in (theirs, again):
        assert (other.scale, other.prediction, other.beside) == (ours.scale, ours.prediction, ours.beside)
        assert torch.equal(other.alphas_cumprod, ours.alphas_cumprod)
        one, two = state(ours), state(other)
        assert one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("family", ["sd2", "sdxl"])
def test_diffusers_itself_reads_the_folder(tmp_path: Path, family: str) -> None:
    path = tiny.save_single(tmp_path / "x.safetensors", kinds()[family], YAML)
    to_folder(path, tmp_path / "folder", quiet, path.with_suffix(".yaml"))
    (tmp_path / "folder" / REST).unlink()
    pipeline: Any = DiffusionPipeline.from_pretrained(tmp_path / "folder", local_files_only=True)
    model = FAMILIES_BY_NAME[family].load(cards.checkpoint(path), "cpu", torch.float32)
    for part in ("unet", "vae", "text_encoder", "text_encoder_2"):
        if part in model.parts:
            read, ours = getattr(pipeline, part).state_dict(), model.parts[part].state_dict()
            assert read.keys() == ours.keys() and all(torch.equal(read[name].float(), ours[name]) for name in ours), part


def test_a_folder_of_others_becomes_a_file(tmp_path: Path) -> None:
    """Without what only a file of ours keeps: the same networks, the prediction marked in it."""
    networks = tiny_xl.second()
    folder = tiny_xl.save_folder(tmp_path / "folder", networks, "StableDiffusionPipeline", {"prediction_type": "v_prediction"})
    to_single_file(folder, tmp_path / "x.safetensors", quiet, {"made": "by a test"})
    card = cards.checkpoint(tmp_path / "x.safetensors")
    assert (card.family, card.prediction, card.guessed, card.metadata) == ("sd2", "v", False, {"made": "by a test"})
    found = load_file(card.path)
    assert torch.equal(found["cond_stage_model.model.transformer.resblocks.1.attn.in_proj_weight"][128:256],
                       networks["text_encoder"].state_dict()["encoder.layers.1.self_attn.k_proj.weight"].half())  # fmt: skip
    assert "scale_factor: 0.5" in (tmp_path / "x.yaml").read_text()


def test_what_cannot_be_rewritten_is_refused(tmp_path: Path, folder: Path) -> None:
    place = shutil.copytree(folder, tmp_path / "folder")
    (place / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    (place / "unet").rename(place / "transformer")
    with pytest.raises(Unsupported, match="cannot become one file"):
        to_single_file(place, tmp_path / "x.safetensors", quiet)
    lora = tiny.save_single(tmp_path / "lora.safetensors", {"lora_unet_x.lora_down.weight": torch.zeros(2, 2)}, "")
    with pytest.raises(Unsupported, match="cannot become a folder"):
        to_folder(lora, tmp_path / "other", quiet)
    with pytest.raises(OutputTrouble):
        to_single_file(folder, lora, quiet)
