"""A file is recognised by the names and shapes that only its architecture has, and one that cannot be used is called by its name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modules.catalog.detect import family_of
from modules.catalog.header import Entry, Header
from modules.catalog.titles import article, title
from modules.core.errors import BadModelFile
from modules.core.records.families import FAMILIES
from tests.catalog import architectures as make
from tests.catalog.files import SD1, raw, table, write

UNET = "model.diffusion_model."


def header(shapes: dict[str, tuple[int, ...]], metadata: dict[str, str] | None = None) -> Header:
    return Header({name: Entry("F16", shape) for name, shape in shapes.items()}, metadata or {})


def test_stable_diffusion_1() -> None:
    assert family_of(header(SD1)) == ("sd1", "eps", "", "checkpoint", "sd1", "", True)
    old = {name.replace("text_model.", ""): shape for name, shape in SD1.items()}
    assert family_of(header({**old, "model_ema.decay": (), "betas": (1000,), "logit_scale": ()})).family == "sd1"


WIDE = {
    f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
    f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": (320, 768),
    f"{UNET}output_blocks.8.0.in_layers.0.weight": (640,),
    f"{UNET}middle_block.1.transformer_blocks.9.attn1.to_k.weight": (1280, 1280),
}
CROSS = f"{UNET}input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"
VAE = {"first_stage_model.encoder.conv_in.weight": (32, 3, 3, 3)}
SDXL = {**WIDE, **VAE, CROSS: (640, 2048), f"{UNET}label_emb.0.0.weight": (1280, 2816), "conditioner.embedders.1.model.ln_final.weight": (1280,)}
REFINER = {**WIDE, **VAE, CROSS: (768, 1280), f"{UNET}label_emb.0.0.weight": (1536, 2560), "conditioner.embedders.0.model.ln_final.weight": (1280,)}
SD2 = {**WIDE, **VAE, CROSS: (320, 1024), "cond_stage_model.model.ln_final.weight": (1024,)}


def test_sdxl() -> None:
    assert family_of(header(SDXL))[:3] == ("sdxl", "eps", "")
    assert family_of(header({**SDXL, "v_pred": (0,)})).prediction == "v"
    assert family_of(header({**SDXL, f"{UNET}input_blocks.0.0.weight": (320, 9, 3, 3)})).variant == "inpainting"
    assert family_of(header(REFINER)).family == "sdxl-refiner"
    assert "SDXL model without VAE" in family_of(header({name: shape for name, shape in SDXL.items() if name not in VAE})).trouble


FOREIGN = [
    ({**SD1, f"{UNET}input_blocks.0.0.weight": (320, 6, 3, 3)}, "6 input channels"),
    (WIDE, "without text encoder and VAE"),
    ({name: shape for name, shape in SD1.items() if "first_stage" not in name}, "without VAE"),
    ({"lora_unet_down_blocks_0_attentions_0_proj_in.lora_down.weight": (4, 320)}, "LoRA"),
    ({"lora_te_text_model_encoder_layers_0_mlp_fc1.hada_w1_a": (4, 4)}, "LoRA"),
    ({"transformer.transformer_blocks.9.attn.to_k.lora_A.weight": (4, 4)}, "LoRA"),
    ({"control_model.input_blocks.0.0.weight": (320, 4, 3, 3)}, "ControlNet"),
    ({"image_proj.norm.weight": (768,), "ip_adapter.1.to_k_ip.weight": (1, 768), "ip_adapter.1.to_v_ip.weight": (1, 768)}, "IP-Adapter"),
    ({"emb_params": (8, 768)}, "textual inversion"),
    ({"clip_g": (8, 1280), "clip_l": (8, 768)}, "textual inversion"),
    ({"something.else": (1,)}, "no model that Easel knows"),
    ({}, "no model that Easel knows"),
]
"""A file, and what is said of one that cannot be drawn with alone."""


@pytest.mark.parametrize(("shapes", "said"), FOREIGN, ids=[said for _, said in FOREIGN])
def test_what_cannot_be_used_is_named(shapes: dict[str, tuple[int, ...]], said: str) -> None:
    found = family_of(header(shapes))
    what = article(title(found.architecture, found.kind)) if found.kind != "unknown" else "no model"
    assert said in (found.trouble or what)


def test_only_whole_models_count_as_checkpoints() -> None:
    assert family_of(header(SDXL)).checkpoint
    assert not family_of(header({"emb_params": (8, 768)})).checkpoint


@pytest.mark.parametrize(
    ("extra", "metadata", "yaml", "prediction"),
    [
        ({}, {}, None, "eps"),
        ({"v_pred": (0,)}, {}, None, "v"),
        ({}, {"modelspec.prediction_type": "v"}, None, "v"),
        ({}, {"modelspec.prediction_type": "epsilon"}, None, "eps"),
        ({}, {"modelspec.prediction_type": "sample"}, None, "x0"),
        ({}, {}, "model: {params: {parameterization: x0}}", "x0"),
        ({}, {}, "model: {params: {parameterization: v}}", "v"),
        ({"v_pred": (0,)}, {}, "model: {params: {parameterization: eps}}", "eps"),
        ({}, {}, "model: {params: {linear_start: 0.00085}}", "eps"),
        ({}, {}, "model: [1, 2]", "eps"),
    ],
)
def test_the_prediction_is_read_off_yaml_marks_and_metadata(
    tmp_path: Path, extra: dict[str, tuple[int, ...]], metadata: dict[str, str], yaml: str | None, prediction: str
) -> None:
    config = None
    if yaml is not None:
        config = tmp_path / "x.yaml"
        config.write_text(yaml)
    assert family_of(header({**SD1, **extra}, metadata), config).prediction == prediction


@pytest.mark.parametrize("text", ["a: [1, 2", "just text", "{" * 5000, "x: !!python/object/apply:os.system [true]", "a: " + "b" * 300_000])
def test_a_damaged_yaml_is_refused(tmp_path: Path, text: str) -> None:
    config = tmp_path / "x.yaml"
    config.write_text(text)
    with pytest.raises(BadModelFile, match="x.yaml"):
        family_of(header(SD1), config)


def folder(place: Path, index: dict[str, Any], unet: dict[str, Any], scheduler: dict[str, Any]) -> Path:
    for part in ("unet", "vae", "text_encoder"):
        write(place / part / ("model.safetensors" if part == "text_encoder" else "diffusion_pytorch_model.safetensors"), {"a": (2,)})
    (place / "scheduler").mkdir()
    (place / "model_index.json").write_text(json.dumps(index))
    (place / "unet" / "config.json").write_text(json.dumps(unet))
    (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    return place


FOLDER: dict[str, Any] = {"index": {"_class_name": "StableDiffusionPipeline"}, "unet": {"in_channels": 4, "cross_attention_dim": 32}, "scheduler": {}}


@pytest.mark.parametrize(("told", "prediction"), [({}, "eps"), ({"prediction_type": "v_prediction"}, "v"), ({"prediction_type": "sample"}, "x0")])
def test_a_diffusers_folder(tmp_path: Path, told: dict[str, str], prediction: str) -> None:
    assert family_of(folder(tmp_path / "m", **{**FOLDER, "scheduler": told})) == ("sd1", prediction, "", "checkpoint", "sd1", "", False)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"index": {}}, "nameless"),
        ({"unet": {"in_channels": 5, "cross_attention_dim": 768}}, "depth"),
        ({"unet": {"in_channels": "four"}}, "without a number"),
    ],
)
def test_a_foreign_folder_is_named(tmp_path: Path, changed: dict[str, Any], said: str) -> None:
    found = family_of(folder(tmp_path / "m", **{**FOLDER, **changed}))
    assert found.family == "" and said in found.trouble


def test_any_other_pipeline_runs_by_itself(tmp_path: Path) -> None:
    assert family_of(folder(tmp_path / "m", **{**FOLDER, "index": {"_class_name": "KolorsPipeline"}})).family == "pipeline"


def test_a_damaged_folder_is_refused(tmp_path: Path) -> None:
    place = folder(tmp_path / "m", **FOLDER)
    (place / "vae" / "diffusion_pytorch_model.safetensors").write_bytes(b"short")
    with pytest.raises(BadModelFile, match="diffusion_pytorch_model"):
        family_of(place)
    (place / "vae" / "diffusion_pytorch_model.safetensors").rename(place / "vae" / "diffusion_pytorch_model.bin")
    with pytest.raises(BadModelFile, match="pickles"):
        family_of(place)
    (place / "unet" / "config.json").write_text("{")
    with pytest.raises(BadModelFile, match="unet/config.json"):
        family_of(place)


def test_an_unknown_prediction_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match="flow_prediction"):
        family_of(folder(tmp_path / "m", **{**FOLDER, "scheduler": {"prediction_type": "flow_prediction"}}))


@pytest.mark.parametrize(("channels", "variant"), [(64, "dev"), (384, "fill"), (128, "control")])
def test_what_a_folder_s_transformer_takes_in_says_what_it_is(tmp_path: Path, channels: int, variant: str) -> None:
    place = tmp_path / "m"
    rows, size = table(make.flux_diffusers(channels))
    (place / "transformer").mkdir(parents=True)
    with open(place / "transformer" / "diffusion_pytorch_model.safetensors", "wb") as file:
        file.write(data := raw(rows))
        file.truncate(len(data) + size)
    (place / "model_index.json").write_text('{"_class_name": "FluxPipeline"}')
    found = family_of(place)
    assert (found.architecture, found.variant) == (f"flux-{variant}", variant)
    assert found.family != "flux" or variant in FAMILIES.get("flux").variants
