"""Sixty files that do not belong: of another family, cut short, of other kinds of numbers, foreign pickles. Each is refused with what to do, or said and left
out; nothing of it runs; and the next picture is the one before, to the bit."""

from __future__ import annotations

import io
import json
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save, save_file
from torch import Tensor

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import EaselError
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Result
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from tests.networks import tiny
from tests.networks.lora_files import random

BLOCK = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0"
KEY = f"{BLOCK}_attn2_to_k"
FLUX = "double_blocks_0_img_attn_qkv"


def pair(name: str, rows: int, columns: int, ends: tuple[str, str] = ("lora_down", "lora_up")) -> dict[str, Tensor]:
    return {f"{name}.{ends[0]}.weight": random(4, columns, seed=1), f"{name}.{ends[1]}.weight": random(rows, 4, seed=2)}


def fitting() -> dict[str, Tensor]:
    """A LoRA that the tiny model wears."""
    return pair(KEY, 32, tiny.WIDTH)


LORAS: dict[str, dict[str, Tensor]] = {
    "sdxl": pair("lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k", 640, 2048),
    "sdxl-diffusers": pair("unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k", 640, 2048, ("lora_A", "lora_B")),
    "sdxl-text": pair("lora_te2_text_model_encoder_layers_0_self_attn_q_proj", 1280, 1280),
    "sd2": pair("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 320, 1024),
    "sd1-wide": pair(KEY, 320, 768),
    "flux-kohya": pair(f"lora_unet_{FLUX}", 9216, 3072),
    "flux-toolkit": pair("diffusion_model.double_blocks.0.img_attn.qkv", 9216, 3072, ("lora_A", "lora_B")),
    "flux-diffusers": pair("transformer.single_transformer_blocks.0.attn.to_q", 3072, 3072, ("lora_A", "lora_B")),
    "sd3": pair("lora_unet_joint_blocks_0_x_block_attn_qkv", 4608, 1536),
    "sd3-diffusers": pair("transformer.transformer_blocks.0.attn.add_k_proj", 1536, 1536, ("lora_A", "lora_B")),
    "qwen": pair("transformer.transformer_blocks.0.img_mlp.net.0.proj", 12288, 3072, ("lora_A", "lora_B")),
    "wide-loha": {f"{KEY}.hada_w{n}_{x}": random(*((320, 4) if x == "a" else (4, 768)), seed=n) for n in (1, 2) for x in "ab"},
    "wide-lokr": {f"{KEY}.lokr_w1": random(8, 8, seed=1), f"{KEY}.lokr_w2": random(40, 96, seed=2)},
    "wide-dora": pair(KEY, 32, tiny.WIDTH) | {f"{KEY}.dora_scale": random(7, 1, seed=3)},
    "wide-oft": {f"{KEY}.oft_blocks": random(5, 7, 7, seed=1)},
    "wide-glora": {f"{KEY}.{name}.weight": random(*shape, seed=1) for name, shape in (("a1", (768, 4)), ("a2", (4, 768)), ("b1", (320, 4)), ("b2", (4, 768)))},
    "wide-full": {f"{KEY}.diff": random(320, 768, seed=1)},
    "wide-ia3": {f"{KEY}.weight": random(999, seed=1), f"{KEY}.on_input": torch.tensor(1.0)},
    "torn": {f"{KEY}.lora_down.weight": random(4, tiny.WIDTH, seed=1), f"{KEY}.lora_up.weight": random(32, 5, seed=2)},
    "whole-numbers": {name: (tensor * 10).int() for name, tensor in fitting().items()},
    "bytes": {name: tensor.to(torch.uint8) for name, tensor in fitting().items()},
    "not-a-number": {name: tensor * float("nan") for name, tensor in fitting().items()},
    "infinite": {name: tensor / 0.0 for name, tensor in fitting().items()},
    "half-of-a-pair": {f"{KEY}.lora_down.weight": random(4, tiny.WIDTH, seed=1)},
    "controlnet": {"control_model.input_blocks.0.0.weight": random(320, 4, seed=1), "control_model.zero_convs.0.0.weight": random(320, 320, seed=1)},
    "upscaler": {"model.0.weight": random(64, 3, seed=1), "model.1.sub.0.RDB1.conv1.0.weight": random(32, 64, seed=1)},
    "inversion": {"emb_params": random(2, 768, seed=1)},
    "vae": {"decoder.conv_in.weight": random(8, 4, seed=1), "encoder.conv_in.weight": random(8, 3, seed=1)},
    "nothing-known": {"a": random(2, 2, seed=1)},
}
WHOLE = save(fitting())
BROKEN: dict[str, bytes] = {
    "empty": b"",
    "header-cut": WHOLE[:20],
    "data-cut": WHOLE[:-40],
    "too-long": WHOLE + b"more",
    "absurd-header": (2**62).to_bytes(8, "little") + WHOLE[8:],
    "web-page": b"<!DOCTYPE html><title>Log in</title>",
    "lfs-pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "overlapping": (lambda head: len(head).to_bytes(8, "little") + head + bytes(8))(
        json.dumps({name: {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]} for name in ("a", "b")}).encode()
    ),
}


class Canary:
    """Its file is there once somebody unpickles it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, int, int]]:
        return os.open, (str(self.path), os.O_CREAT | os.O_WRONLY, 0o600)


def zipped(canary: Path) -> bytes:
    """As torch writes it, with the canary in the place of a tensor."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"string_to_param": {"*": Canary(canary)}, "state_dict": Canary(canary)}, 2))
        archive.writestr("archive/version", "3")
    return data.getvalue()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("mismatched")
    models = data / "models"
    tiny.save_single(models / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(*tiny.parts()))
    for folder in ("Lora", "embeddings", "ControlNet"):
        (models / folder).mkdir()
    for name, tensors in LORAS.items():
        save_file(tensors, models / "Lora" / f"lora-{name}.safetensors")
    for name, content in BROKEN.items():
        for folder, prefix in (("Lora", "lora"), ("embeddings", "embeddings"), ("ControlNet", "control"), ("Stable-diffusion", "model")):
            (models / folder / f"{prefix}-{name}.safetensors").write_bytes(content)
    canary = data / "canary"
    foreign = {"plain": pickle.dumps({"state_dict": Canary(canary)}), "zipped": zipped(canary)}
    for name, content in foreign.items():
        for ending in ("pt", "ckpt"):
            (models / "Lora" / f"lora-{name}-{ending}.{ending}").write_bytes(content)
        (models / "Lora" / f"lora-{name}-disguised.safetensors").write_bytes(content)
        (models / "embeddings" / f"embeddings-{name}.pt").write_bytes(content)
        (models / "Stable-diffusion" / f"model-{name}.ckpt").write_bytes(content)
        (models / "ControlNet" / f"control-{name}.pth").write_bytes(content)
    for name, width in (("sdxl", 2048), ("sd2", 1024), ("wide", 768), ("odd", 48)):
        save_file({"emb_params": random(2, width, seed=1)}, models / "embeddings" / f"embeddings-{name}.safetensors")
    save_file(dict(LORAS["sdxl"]), models / "ControlNet" / "control-lora.safetensors")
    return data


@pytest.fixture(scope="module")
def engine(place: Path) -> Engine:
    library = Library(Paths(data=place, models=place / "models"), HashCache(None))
    return Engine(library, Outputs(place / "outputs"), Blobs(place / "inputs"), converted=place / "converted")


def draw(engine: Engine, **values: object) -> Result:
    tree = {"prompt": "a cat", "model": "tiny", "width": 64, "height": 64, "steps": 1, "seed": 1, "sampler": "Euler", **values}
    return engine.run(from_dict(GenerationRequest, tree), lambda event: None, lambda: Cancel.NONE, False)


@pytest.fixture(scope="module")
def before(engine: Engine) -> bytes:
    return draw(engine).pictures[0].data


def unit(engine: Engine, model: str) -> dict[str, object]:
    data = io.BytesIO()
    Image.new("RGB", (64, 64)).save(data, "PNG")
    return {"control": [{"model": model, "image": engine.blobs.put(data.getvalue())}]}


FOREIGN = ("plain", "zipped")
ASKED: dict[str, str] = {
    **{f"LoRA {name}": f"a cat <lora:lora-{name}:1>" for name in (*LORAS, *BROKEN)},
    **{f"LoRA pickle {name} {kind}": f"<lora:lora-{name}-{kind}:1>" for name in FOREIGN for kind in ("pt", "ckpt", "disguised")},
    **{f"embedding {name}": f"embeddings-{name}" for name in (*BROKEN, *FOREIGN, "sdxl", "sd2", "wide", "odd")},
    **{f"ControlNet {name}": f"control-{name}" for name in (*BROKEN, *FOREIGN, "lora")},
    **{f"checkpoint {name}": f"model-{name}" for name in (*BROKEN, *FOREIGN)},
}
"""What is tried -> the prompt, or the name of the file."""


def asked(engine: Engine, name: str) -> dict[str, object]:
    if name.startswith("ControlNet"):
        return unit(engine, ASKED[name])
    return {"model" if name.startswith("checkpoint") else "prompt": ASKED[name]}


SILENT = {
    f"LoRA {name}"
    for name in ("half-of-a-pair", "whole-numbers", "bytes", "sdxl-text", "qwen", "sd3-diffusers", "flux-diffusers", "flux-kohya", "flux-toolkit")
}
"""Those whose header need not say what they are made for; they find no layer, and the note says so."""


def test_there_are_sixty() -> None:
    assert len(ASKED) >= 60


@pytest.mark.parametrize("name", ASKED)
def test_it_is_refused_with_what_to_do_and_leaves_nothing_behind(engine: Engine, place: Path, before: bytes, name: str) -> None:
    try:
        result = draw(engine, **asked(engine, name))
    except EaselError as error:
        assert error.what and (error.remedy or "cannot be used" in error.what), error
    else:
        (note,) = result.notes
        said = "read as plain words" if name.startswith("embedding ") else "🔴" if name in SILENT else "There is no LoRA"
        assert said in note, note
    assert not (place / "canary").exists()
    assert draw(engine).pictures[0].data == before
