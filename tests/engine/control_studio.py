"""Engines with tiny control networks beside their checkpoint, and runs of diffusers' own pipelines to compare with."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.engine.controls import Controls
from modules.engine.generate import Engine
from modules.engine.plan import plan
from modules.engine.relay import Relay
from modules.engine.resolve import resolve
from modules.engine.sample import sample
from modules.engine.save import Outputs
from modules.sampling.scheduler import SamplerScheduler
from tests.networks import tiny

SIDE = 64
STEPS = 5


def checkpoint(data: Path) -> Any:
    """Saves the one that is guided; -> its UNet."""
    unet, *rest = tiny.parts()
    tiny.save_single(data / "models" / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(unet, *rest))
    return unet


def library(data: Path) -> Library:
    return Library(Paths(data=data, models=data / "models"), HashCache(data / "hashes.db"))


def engine(data: Path) -> Engine:
    return Engine(library(data), Outputs(data / "outputs"), Blobs(data / "inputs"), converted=data / "converted")


def picture(seed: int = 0, size: tuple[int, int] = (SIDE, SIDE)) -> Image.Image:
    """Patches of colour, so that it has edges."""
    draw = np.random.default_rng(seed)
    return Image.fromarray(draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.NEAREST)


def kept(engine: Engine, image: Image.Image) -> str:
    data = io.BytesIO()
    image.save(data, "PNG")
    return engine.blobs.put(data.getvalue())


def wish(*units: ControlUnit, **values: Any) -> GenerationRequest:
    return GenerationRequest(**{"prompt": "a cat", "width": SIDE, "height": SIDE, "steps": STEPS, "seed": 3, "sampler": "Euler", "control": units, **values})


@torch.inference_mode()
def latents(engine: Engine, request: GenerationRequest) -> Tensor:
    """Of the first stage, as the engine draws it."""
    request, card = resolve(request, engine.shelf, engine.machine.precision)
    controls = Controls(request, engine.shelf, engine.control_networks, engine.blobs)
    with Relay(engine.models, request.precision, card, None, {}, controls.standing()) as relay:
        stage = plan(request, relay.record)[0]
        features = [*relay.features, *controls.acting(relay, stage, request)]
        return sample(stage, relay.bare, [request], lambda table: relay.denoiser(stage, table, features))


def texts(engine: Engine, request: GenerationRequest) -> dict[str, Tensor]:
    """What diffusers' pipelines take in place of prompts."""
    loaded = engine.models.load(engine.shelf.checkpoint(""), "fp32")
    (positive,), (negative,) = (loaded.family.encode(loaded.model, [text], request.text, {}) for text in (request.prompt, request.negative_prompt))
    return {"prompt_embeds": positive.context[None], "negative_prompt_embeds": negative.context[None]}


def parts(engine: Engine) -> dict[str, Any]:
    """The components that the engine draws with."""
    loaded = engine.models.load(engine.shelf.checkpoint(""), "fp32").model.parts
    return {"unet": loaded["unet"], "vae": loaded["vae"], "text_encoder": loaded["text_encoder"], "tokenizer": None}


def drawn(kind: Any, engine: Engine, networks: Mapping[str, Any], **values: Any) -> Tensor:
    """Latents from a pipeline of diffusers over the engine's own networks. networks: what it has beside them. values: of its call."""
    made: dict[str, Any] = {"scheduler": SamplerScheduler(sampler="Euler"), "safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    pipe = kind(**parts(engine), **networks, **made)
    pipe.set_progress_bar_config(disable=True)
    called = {"num_inference_steps": STEPS, "guidance_scale": 7.0, "generator": torch.Generator().manual_seed(3), "output_type": "latent"}
    return pipe(**called, **texts(engine, wish()), **values).images


def near(found: Tensor, expected: Tensor) -> bool:
    """To 1e-5 of the largest value."""
    return found.shape == expected.shape and float((found - expected).abs().max()) <= 1e-5 * float(expected.abs().max())


def refreshed(engine: Engine) -> None:
    """Looks through the folders again."""
    assert isinstance(engine.shelf, Library)
    engine.shelf.refresh()
