"""What the page is told of the LoRAs in a prompt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from modules.app import App
from modules.core.options import Options
from modules.core.paths import Paths
from modules.ui.loras import rows


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> App:
    data = tmp_path_factory.mktemp("loras")
    place = data / "models" / "Lora"
    place.mkdir(parents=True)

    def lora(name: str, width: int) -> None:
        layer = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
        save_file({f"{layer}.lora_down.weight": torch.zeros(4, width), f"{layer}.lora_up.weight": torch.zeros(640, 4)}, place / f"{name}.safetensors")

    lora("detail", 768)
    lora("sdxl_lightning_4step_lora", 2048)
    lora("lcm-lora-sdv1-5", 768)
    (place / "broken.safetensors").write_bytes(b"nothing of the kind")
    return App(Options(paths=Paths(data=data, models=data / "models")))


def test_one_that_is_here_and_needs_nothing(app: App) -> None:
    assert rows(app, "a <lora:detail:0.8>", "") == [{"name": "detail", "state": "here", "offer": None}]


def test_ones_for_another_kind_of_model(app: App) -> None:
    (row,) = rows(app, "<lora:sdxl_lightning_4step_lora:1>", "easel-starter")
    assert (row["state"], row["made"], row["checkpoint"]) == ("other", "SDXL", "Stable Diffusion 1.x")


def test_missing_ones_with_near_names(app: App) -> None:
    (row,) = rows(app, "<lora:detial:1>", "")
    assert (row["state"], row["near"][0]) == ("missing", "detail")


def test_broken_ones_say_why(app: App) -> None:
    (row,) = rows(app, "<lora:broken:1>", "")
    assert row["state"] == "broken" and "no safetensors file" in row["why"]


def test_few_steps_are_offered_once_for_each(app: App) -> None:
    (row,) = rows(app, "<lora:lcm-lora-sdv1-5:1> a <lora:lcm-lora-sdv1-5:0.5>", "")
    assert row["offer"] == {"what": "LCM", "values": {"sampler": "LCM", "schedule": "SGM Uniform", "steps": 6, "cfg_scale": 1.5}}


@pytest.mark.parametrize("prompt", ["", "a cat", "<lora:", "<lora:a:x", "<lora:a:x>", "<lora::1>"])
def test_what_is_still_being_typed_says_nothing(app: App, prompt: str) -> None:
    assert rows(app, prompt, "") == []


def test_a_hundred_names_are_not_all_looked_up(app: App, tmp_path: Path) -> None:
    assert len(rows(app, " ".join(f"<lora:n{number}:1>" for number in range(100)), "")) == 20
