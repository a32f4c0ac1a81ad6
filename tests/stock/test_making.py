"""Converted and merged files as tasks: names, recipes, refusals, and that nothing is written over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.catalog import header, old_hashes
from modules.core.errors import InvalidRequest, NotFound, OutputTrouble, Unsupported
from modules.networks.merge import Mix
from modules.stock.making import Conversion, Merging
from modules.stock.tasks import Task
from tests.catalog import files
from tests.networks import tiny
from tests.stock.conftest import House

Over = Callable[[Task], Task]


def checkpoint(house: House, name: str, value: float, metadata: dict[str, str] | None = None, channels: int = 4) -> Path:
    path = house.models / "Stable-diffusion" / f"{name}.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    tensors = {key: torch.full(shape, value, dtype=torch.float32) for key, shape in files.SD1.items()}
    first = next(iter(tensors))
    tensors[first] = torch.full((32, channels, 3, 3), value)
    save_file(tensors, path, metadata)
    return path


def test_a_merge_has_a1111s_name_and_recipe(house: House, over: Over) -> None:
    older = json.dumps({"1" * 64: {"name": "grandmother", "legacy_hash": "", "sd_merge_recipe": None}})
    a, b = checkpoint(house, "a", 1.0, {"sd_merge_models": older, "sd_merge_recipe": '{"type": "webui"}'}), checkpoint(house, "b", 2.0)
    a.with_suffix(".yaml").write_text("model: {params: {parameterization: eps}}")
    task = over(house.making.merge(Merging(a=house.id("a"), b=house.id("b"), mix=Mix(multiplier=0.25, precision="fp16"))))
    assert task.state == "done", task.error
    made = a.with_name("0.75(a) + 0.25(b).safetensors")
    assert all(torch.equal(tensor, torch.full_like(tensor, 1.25)) and tensor.dtype == torch.float16 for tensor in load_file(made).values())
    assert made.with_suffix(".yaml").read_text() == a.with_suffix(".yaml").read_text()
    assert house.stock.card(task.made).path.name == made.name, "it is listed"
    told = header.read(made).metadata
    recipe, models = json.loads(told["sd_merge_recipe"]), json.loads(told["sd_merge_models"])
    hashes = [house.library.hashed(house.library.checkpoint(name)).sha256 for name in "ab"]
    assert (recipe["primary_model_hash"], recipe["secondary_model_hash"], recipe["tertiary_model_hash"]) == (*hashes, None)
    assert (recipe["interp_method"], recipe["multiplier"], recipe["save_as_half"], recipe["bake_in_vae"]) == ("Weighted sum", 0.25, True, "None")
    assert models.keys() == {"1" * 64, *hashes} and models[hashes[0]]["sd_merge_recipe"] == {"type": "webui"}
    assert models[hashes[1]] == {"name": b.name, "legacy_hash": old_hashes.autov1(b), "sd_merge_recipe": None}

    again = over(house.making.merge(Merging(a=house.id("a"), b=house.id("b"), mix=Mix(multiplier=0.25))))
    assert again.state == "done" and a.with_name("0.75(a) + 0.25(b) (2).safetensors").exists()


def test_names_of_a1111(house: House, over: Over) -> None:
    checkpoint(house, "inp", 1.0, channels=9), checkpoint(house, "b", 2.0), checkpoint(house, "c", 1.5)
    wish = Merging(a=house.id("inp"), b=house.id("b"), c=house.id("c"), mix=Mix(method="Add difference", multiplier=1))
    assert over(house.making.merge(wish)).title == "inp + 1(b - c).inpainting"
    assert over(house.making.merge(Merging(a=house.id("b"), name="my/own", mix=Mix(method="No interpolation")))).title == "my_own"
    with pytest.raises(InvalidRequest, match="exists already"):
        house.making.merge(Merging(a=house.id("b"), name="my_own", mix=Mix(method="No interpolation")))


def test_what_cannot_be_merged_is_said_at_once(house: House) -> None:
    checkpoint(house, "a", 1.0)
    files.write(house.models / "embeddings" / "e.safetensors", {"emb_params": (1, 1280)})
    (house.models / "Stable-diffusion" / "g.gguf").write_bytes(b"GGUF")
    a = house.id("a")
    for wish, kind in (
        (Merging(a=a), InvalidRequest),
        (Merging(a=a, b="0" * 16), NotFound),
        (Merging(a=a, b=house.id("e")), InvalidRequest),
        (Merging(a=a, b=house.id("g")), Unsupported),
        (Merging(a=a, b=house.id("easel-starter")), Unsupported),
    ):
        with pytest.raises(kind):
            house.making.merge(wish)
    assert house.tasks.list() == []


def test_conversion_keeps_the_old_file(house: House, over: Over, monkeypatch: pytest.MonkeyPatch) -> None:
    path = checkpoint(house, "a", 1.0)
    before = path.read_bytes()
    task = over(house.making.convert(Conversion(model=house.id("a"), precision="bf16")))
    assert task.state == "done" and path.read_bytes() == before
    assert {tensor.dtype for tensor in load_file(path.with_name("a-bf16.safetensors")).values()} == {torch.bfloat16}
    monkeypatch.setattr("shutil.disk_usage", lambda place: type("Usage", (), {"free": 1000})())
    with pytest.raises(OutputTrouble, match="GB free"):
        house.making.convert(Conversion(model=house.id("a")))


def test_a_pickle_becomes_safetensors_in_a_child_process(house: House, over: Over) -> None:
    path = house.models / "Stable-diffusion" / "old.ckpt"
    path.parent.mkdir(parents=True)
    torch.save({"state_dict": {"a": torch.arange(4.0)}}, path)
    task = over(house.making.convert(Conversion(model=house.id("old"), precision="as it is", name="new")))
    assert task.state == "done", task.error
    assert torch.equal(load_file(path.with_name("new.safetensors"))["a"], torch.arange(4.0))


def test_a_single_file_becomes_a_folder(house: House, over: Over) -> None:
    path = tiny.save_single(house.models / "Stable-diffusion" / "small.safetensors", tiny.ldm_tensors(*tiny.parts(0)), yaml="")
    task = over(house.making.convert(Conversion(model=house.id("small"), layout="diffusers folder", name="as folder")))
    assert task.state == "done", task.error
    assert house.stock.card(task.made).path == path.with_name("as folder")
    with pytest.raises(InvalidRequest, match="already"):
        house.making.convert(Conversion(model=house.id("small"), layout="single file"))
