"""The whole way from shapes to a model that the engine draws with, of tiny networks: left and gone on with, exported both ways, drawing the same."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.errors import InvalidRequest
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.core.training import Watching
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.networks import build
from modules.prompt.vocabulary import Vocabulary
from modules.training.curve import rows
from modules.training.starter import vocabulary
from modules.training.starter.card import with_table
from modules.training.starter.export import export, single_file
from modules.training.starter.package import read
from modules.training.starter.presets import NORM_BIAS, PRESETS, Preset, Stage
from modules.training.starter.stages import AUTOENCODER, DENOISER, Making, Weights
from tests.training.starter.shapes import folder

TINY = Preset(
    "tiny", 0, 32, 16, latents=24, vae=(32,) * 4, unet=(32, 64), text=(64, 1, 1), autoencoder=Stage(6 * 4, 4, 1e-3, 0.9),
    denoiser=Stage(8 * 4, 4, 1e-3, 0.9), chunk=8, shown=8, watching=Watching(measure_every=4, sample_every=8, save_every=2),
)  # fmt: skip

SILENT = replace(TINY, watching=Watching(measure_every=0, sample_every=0, save_every=2))
"""The same recipe, without a look at how far it is."""


@dataclass
class After:
    """Asks to leave off when it was looked at so many times; 0: never."""

    looks: int

    def __call__(self) -> Cancel:
        self.looks -= 1
        return Cancel.STOP if self.looks == 0 else Cancel.NONE


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder(tmp_path_factory.mktemp("data") / "cut")


@pytest.fixture(scope="module")
def made(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Weights]:
    """A run without a break."""
    place = tmp_path_factory.mktemp("run")
    weights = Making(TINY, read(data), data, place).run()
    assert weights
    return place, weights


@pytest.fixture(scope="module")
def models(made: tuple[Path, Weights], data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("home") / "models" / "Stable-diffusion"
    target = export(made[1], TINY, read(data), data, place / "shapes", "| a | b |")
    single_file(target, place / "one.safetensors")
    return place


def test_it_learns_and_shows_how_far_it_is(made: tuple[Path, Weights]) -> None:
    place, weights = made
    for what, steps in ((AUTOENCODER, 6), (DENOISER, 8)):
        found = rows(place / what / "curve.jsonl")
        assert [row["step"] for row in found if "loss" in row] == list(range(1, steps + 1))
        assert all(np.isfinite(row["loss"]) for row in found if "loss" in row)
        assert [row["step"] for row in found if "measured" in row][0] == 0
        assert Image.open(place / what / "samples" / f"step-{steps:08d}.png").width == 8 * TINY.side
    bias = weights.text_encoder.get_parameter("final_layer_norm.bias")
    assert torch.equal(bias, torch.full_like(bias, NORM_BIAS))
    assert len(list((place / "latents").glob("*.safetensors"))) == 4  # three chunks, and what is measured with


def test_left_anywhere_and_gone_on_with_it_is_the_same(made: tuple[Path, Weights], data: Path, tmp_path: Path) -> None:
    ends: list[Weights | None] = []
    for looks, pieced in ((4, True), (5, False), (4, True), (0, True)):
        making = Making(SILENT, read(data), data, tmp_path / "run", cancel=After(looks), pieced=pieced)
        ends.append(making.run())
        if pieced and not ends[-1]:  # as on a machine that brings back small files only
            for checkpoint in [*(tmp_path / "run").glob("*/checkpoints/*"), *(tmp_path / "run").glob("*.safetensors")]:
                checkpoint.unlink()
    assert [end is None for end in ends] == [True, True, True, False]
    again, whole = ends[-1], made[1]
    assert again is not None and again.scale == whole.scale
    for one, other in ((again.vae, whole.vae), (again.unet, whole.unet), (again.text_encoder, whole.text_encoder)):
        assert all(torch.equal(weight, other.state_dict()[name]) for name, weight in one.state_dict().items())


def test_a_run_is_not_gone_on_with_other_things(made: tuple[Path, Weights], data: Path, tmp_path: Path) -> None:
    Making(SILENT, read(data), data, tmp_path / "run", cancel=After(3)).run()
    with pytest.raises(InvalidRequest, match="another recipe"):
        Making(SILENT, read(data, 3), data, tmp_path / "run").run()


@pytest.fixture(scope="module")
def draw(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], np.ndarray]:
    place = tmp_path_factory.mktemp("drawing")
    library = Library(Paths(data=place, models=models.parent, checkpoints=(models,)), HashCache(place / "hashes.db"))
    engine = Engine(library, Outputs(place / "outputs"), Blobs(place / "inputs"))

    def run(model: str) -> np.ndarray:
        wish = GenerationRequest(
            prompt="a (ball:1.2) to the left of a ring on a red background", negative_prompt="two rings", model=model, steps=3, width=32, height=32, seed=4
        )
        made = engine.run(wish, lambda event: None, lambda: Cancel.NONE, False)
        return np.asarray(Image.open(io.BytesIO(made.pictures[0].data)).convert("RGB"))

    return run


def test_folder_and_single_file_draw_the_same_picture(draw: Callable[[str], np.ndarray]) -> None:
    folder, single = draw("shapes"), draw("one")
    assert (folder == single).all() and np.ptp(folder) > 0


def test_diffusers_alone_reads_the_folder(models: Path) -> None:
    sentence = "three balls in the top left corner, pencil sketch, zebra"
    own = vocabulary.rows([sentence], Vocabulary.from_folder(models / "shapes" / "tokenizer"))
    pipe = StableDiffusionPipeline.from_pretrained(models / "shapes", torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe.tokenizer([sentence], padding="max_length", max_length=77, return_tensors="pt").input_ids
    assert torch.equal(theirs, own)
    picture = np.asarray(pipe("a ball on a red background", num_inference_steps=2, width=32, height=32).images[0])
    assert picture.shape == (32, 32, 3) and pipe.scheduler.config.prediction_type == "v_prediction"


def test_the_folder_says_what_it_is(models: Path, made: tuple[Path, Weights]) -> None:
    card = (models / "shapes" / "README.md").read_text("utf-8")
    again = with_table(card, "| c | d |")
    assert "| c | d |" in again and "| a | b |" not in again and with_table("no place", "| c |") == "no place"
    assert "ball, box, cross, ring, tip" in card and "| a | b |" in card and "v-prediction" in card and "32 x 32" in card
    advice = json.loads((models / "shapes" / "easel.json").read_text())
    assert advice["defaults"]["width"] == 32 and np.array(advice["preview"]).shape == (5, 3)
    assert json.loads((models / "shapes" / "starter.json").read_text())["objects"] == 5
    assert json.loads((models / "shapes" / "vae" / "config.json").read_text())["scaling_factor"] == pytest.approx(made[1].scale)


@pytest.mark.parametrize("name", PRESETS)
def test_the_real_ones_fit_into_forty_eight_megabytes(name: str) -> None:
    preset = PRESETS[name]
    networks = (build.unet(preset.unet_config()), build.vae(preset.vae_config()), build.text_encoder(preset.text_config(1621, 0, 1)))
    numbers = sum(weight.numel() for network in networks for weight in network.parameters())
    assert 20e6 < numbers <= 24e6
    assert preset.side % 8 == 0 and preset.side % preset.crop == 0 and preset.latents % preset.chunk == 0
    assert preset.objects == 0 or preset.objects >= 40
