"""LoRAs that draw in a few steps, by the names under which their makers publish them; and names that only look like it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modules.catalog import cards
from modules.catalog.card import Card, Kind
from modules.catalog.few_steps import few_steps
from modules.core.params import with_values
from modules.core.records.samplers import SAMPLERS
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest
from tests.catalog.files import SD1, write

KNOWN: dict[str, tuple[str, str, int, float]] = {
    "lcm-lora-sdv1-5": ("LCM", "LCM", 6, 1.5),
    "LCM_LoRA_Weights_SD15": ("LCM", "LCM", 6, 1.5),
    "sdxl_lightning_4step_lora": ("Lightning", "Euler", 4, 1),
    "SDXL-Lightning-8steps-lora": ("Lightning", "Euler", 8, 1),
    "Hyper-SD15-8steps-lora": ("Hyper-SD", "TCD (diffusers)", 8, 1),
    "Hyper-SDXL-1step-lora": ("Hyper-SD", "TCD (diffusers)", 1, 1),
    "Hyper-SD15-12steps-CFG-lora": ("Hyper-SD with CFG", "DDIM", 12, 5),
    "Hyper-FLUX.1-dev-16steps-lora": ("Hyper-FLUX", "Euler", 16, 1),
    "sd_xl_turbo_lora_v1": ("Turbo", "Euler a", 4, 1),
    "FLUX.1-Turbo-Alpha": ("FLUX Turbo", "Euler", 8, 1),
    "dmd2_sdxl_4step_lora": ("DMD", "LCM", 4, 1),
    "tcd-sdxl-lora": ("TCD", "TCD (diffusers)", 4, 1),
    "flash_sdxl": ("Flash", "LCM", 4, 1),
    "pcm_sd15_smallcfg_2step_converted": ("PCM", "DDIM", 2, 1),
}
PLAIN = ("detail_tweaker", "lightning bolts", "turbo pascal poster", "hypernova", "flash photography", "jumping 3 steps", "hyperrealism-v2", "lcmarsh style")


def card(name: str, kind: Kind = "lora", **values: Any) -> Card:
    return Card(path=Path(f"{name}.safetensors"), name=name, kind=kind, **values)


@pytest.mark.parametrize(("name", "wanted"), KNOWN.items())
def test_known_ones_are_offered_what_their_makers_say(name: str, wanted: tuple[str, str, int, float]) -> None:
    found = few_steps(card(name))
    assert found is not None
    assert (found.what, found.values["sampler"], found.values["steps"], found.values["cfg_scale"]) == wanted
    request = with_values(GenerationRequest(), found.values)
    assert request.sampler in SAMPLERS.names() and request.schedule in SCHEDULES.names()


@pytest.mark.parametrize("name", PLAIN)
def test_names_that_only_look_like_it_are_offered_nothing(name: str) -> None:
    assert few_steps(card(name)) is None


def test_the_kind_and_the_metadata_say_it_too() -> None:
    assert few_steps(card("pytorch_lora_weights", "lora-lcm")) == few_steps(card("lcm"))
    told = few_steps(card("model", metadata={"modelspec.title": "SDXL Lightning 2 step"}))
    assert told and (told.what, told.values["steps"]) == ("Lightning", 2)


def test_a_checkpoint_brings_its_values_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "dreamy_XL_lightning_4steps.safetensors"
    write(path, SD1)
    found = cards.checkpoint(path)
    assert dict(found.defaults) == {"sampler": "Euler", "schedule": "SGM Uniform", "steps": 4, "cfg_scale": 1.0}
    assert "Lightning" in found.note and "4 steps" in found.note
    path.with_name(f"{path.stem}.easel.json").write_text('{"defaults": {"steps": 6}, "note": "Mine."}')
    advised = cards.checkpoint(path)
    assert advised.defaults["steps"] == 6 and advised.defaults["sampler"] == "Euler" and advised.note.startswith("Mine. ")
    write(tmp_path / "plain.safetensors", SD1)
    assert not cards.checkpoint(tmp_path / "plain.safetensors").defaults
