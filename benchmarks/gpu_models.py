"""What `gpu.py` measures: the denoising networks of three families at their true size (or tiny), with random weights, drawn by Easel's loop and by diffusers' pipelines.

Both sides have the same network object and the same texts (random vectors), and go through the same number of Euler steps: ours through `engine.sample` and
`engine.denoise`, theirs through the pipeline of the family with a latent output. Neither has a text encoder or an autoencoder here.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxPipeline,
    FluxTransformer2DModel,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
)
from torch import Tensor

from modules.catalog.card import Card
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.engine.conditioning import Conditioning, Span
from modules.engine.denoise import guided, wrapped
from modules.engine.feature import Feature
from modules.engine.features.distilled import DistilledGuidance
from modules.engine.plan import plan
from modules.engine.sample import sample
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Cond, Model
from modules.sampling.flow import Flow

SD: dict[str, Any] = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "steps_offset": 1}


@dataclass(frozen=True)
class Architecture:
    """family: by its record's name. side: of a picture. context: (tokens, width) of a text. pooled: width of the pooled text, 0 without.
    goals: what the issue asks for, by what is measured."""

    family: str
    title: str
    network: type
    config: dict[str, Any]
    tiny: dict[str, Any]
    side: int
    context: tuple[int, int]
    pooled: int = 0
    goals: dict[str, float] = field(default_factory=dict)


ARCHITECTURES = {
    "sd15": Architecture(
        "sd1", "SD 1.5, 512 x 512", UNet2DConditionModel, {"cross_attention_dim": 768, "sample_size": 64},
        {"block_out_channels": (32, 64), "layers_per_block": 1, "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
         "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"), "cross_attention_dim": 32},
        512, (77, 768), goals={"it/s b1": 110, "share b8": 0.46, "time": 0.75},
    ),
    "sdxl": Architecture(
        "sdxl", "SDXL, 1024 x 1024", UNet2DConditionModel,
        {"block_out_channels": (320, 640, 1280), "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
         "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), "transformer_layers_per_block": (1, 2, 10), "cross_attention_dim": 2048,
         "attention_head_dim": (5, 10, 20), "use_linear_projection": True, "addition_embed_type": "text_time", "addition_time_embed_dim": 256,
         "projection_class_embeddings_input_dim": 2816, "sample_size": 128},
        {"block_out_channels": (32, 64), "layers_per_block": 1, "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
         "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"), "cross_attention_dim": 32, "attention_head_dim": (4, 8), "use_linear_projection": True,
         "addition_embed_type": "text_time", "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 16 + 48},
        1024, (77, 2048), 1280, goals={"it/s b1": 27, "share b1": 0.46, "time": 0.90},
    ),
    "flux": Architecture(
        "flux", "FLUX.1 dev, 1024 x 1024", FluxTransformer2DModel, {"guidance_embeds": True},
        {"num_layers": 2, "num_single_layers": 2, "attention_head_dim": 16, "num_attention_heads": 2, "joint_attention_dim": 32, "pooled_projection_dim": 16,
         "axes_dims_rope": (4, 6, 6), "guidance_embeds": True},
        1024, (512, 4096), 768, goals={"it/s b1": 7.0, "share b1": 0.66, "time": 0.97},
    ),
}  # fmt: skip


def plain() -> AbstractContextManager[Any]:
    """torch's own settings: cuDNN takes whichever kernel it thinks fastest, and TF32 for convolutions in fp32. (Products have no TF32 by themselves either.)"""
    return torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True)


@dataclass(frozen=True)
class Own:
    """Easel's loop over a model."""

    model: Model
    draw: Callable[[], Tensor]

    def __call__(self) -> Tensor:
        return self.draw()


@dataclass
class Bench:
    """One architecture on one device. pictures: drawn together."""

    architecture: Architecture
    device: str
    dtype: torch.dtype
    small: bool
    network: Any = field(init=False)

    def __post_init__(self) -> None:
        known = self.architecture
        torch.manual_seed(0)
        with torch.device(self.device):
            before = torch.get_default_dtype()
            torch.set_default_dtype(self.dtype)
            try:
                self.network = known.network(**(known.tiny if self.small else known.config))
            finally:
                torch.set_default_dtype(before)
        self.network.to(self.dtype).eval().requires_grad_(False)
        self.side = 64 if self.small else known.side
        width = 32 if self.small else known.context[1]
        tokens = 16 if self.small and known.family == "flux" else known.context[0]
        self.pooled = (16 if self.small else known.pooled) if known.pooled else 0
        self.texts = [torch.randn(tokens, width) for _ in range(2)]
        self.vectors = [torch.randn(self.pooled) for _ in range(2)] if self.pooled else []

    def ours(self, steps: int, pictures: int, features: tuple[Feature, ...] = ()) -> Own:
        """-> draws them with Easel's loop."""
        record = FAMILIES.get(self.architecture.family)
        request = GenerationRequest(sampler="Euler", steps=steps, width=self.side, height=self.side, seed=1, batch_size=pictures, batched=True, cfg_scale=1.0 if "cfg_scale" in record.lacks else 7.0)  # fmt: skip
        flow = Flow() if self.architecture.family == "flux" else None
        betas = torch.linspace(SD["beta_start"] ** 0.5, SD["beta_end"] ** 0.5, 1000, dtype=torch.float64) ** 2
        table = torch.empty(0) if flow else torch.cumprod(1 - betas, 0).float()
        card = Card(path=Path("random"), name="random", family=record.name, variant="", size=0)
        part = "transformer" if flow else "unet"
        model = Model(card, record, {part: self.network}, table, "flow" if flow else "eps", self.device, self.dtype, self.dtype, record.scale, flow=flow)
        family = FAMILIES_BY_NAME[record.name]
        told = torch.tensor([self.side, self.side, 0, 0, self.side, self.side], dtype=torch.float32)
        extras: list[dict[str, Tensor]] = [{}, {}]
        if self.architecture.family == "sdxl":
            extras = [{"text_embeds": vector, "time_ids": told} for vector in self.vectors]
        elif flow:
            extras = [{"pooled_projections": vector} for vector in self.vectors]
        conds = [Cond(context, extra) for context, extra in zip(self.texts, extras, strict=True)]
        texts = Conditioning([1.0], [Span(10**6, (conds[0],), conds[1])], None)
        (stage,) = plan(request, record)
        worn: tuple[Feature, ...] = (*features, *((DistilledGuidance(3.5),) if flow else ()))
        requests = [replace(request, seed=1 + number) for number in range(pictures)]

        @torch.inference_mode()
        def draw() -> Tensor:
            return sample(stage, model, requests, lambda levels: wrapped(guided(family, model, levels, texts, request, worn), worn))

        return Own(model, draw)

    def theirs(self, steps: int, pictures: int) -> Callable[[], Tensor]:
        """-> draws them with diffusers' pipeline of the family, under torch's own settings: Easel's (`memory.device.find`) hold for the whole process."""
        text, negative = (one.to(self.device, self.dtype)[None] for one in self.texts)
        given: dict[str, Any] = {"prompt_embeds": text, "num_inference_steps": steps, "width": self.side, "height": self.side, "output_type": "latent"}
        given |= {"num_images_per_prompt": pictures, "generator": [torch.Generator().manual_seed(1 + number) for number in range(pictures)]}
        if self.architecture.family == "flux":
            none = dict.fromkeys(("vae", "text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
            pipeline: Any = FluxPipeline(scheduler=FlowMatchEulerDiscreteScheduler(), transformer=self.network, **none)
            given |= {"pooled_prompt_embeds": self.vectors[0].to(self.device, self.dtype)[None], "guidance_scale": 3.5}
        else:
            given |= {"negative_prompt_embeds": negative, "guidance_scale": 7.0}
            scheduler = EulerDiscreteScheduler(**SD)
            if self.architecture.family == "sdxl":
                none = dict.fromkeys(("vae", "text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))
                pipeline = StableDiffusionXLPipeline(unet=self.network, scheduler=scheduler, add_watermarker=False, **none)
                pooled, unpooled = (vector.to(self.device, self.dtype)[None] for vector in self.vectors)
                given |= {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": unpooled}
            else:
                none = dict.fromkeys(("vae", "text_encoder", "tokenizer", "safety_checker", "feature_extractor"))
                pipeline = StableDiffusionPipeline(unet=self.network, scheduler=scheduler, requires_safety_checker=False, **none)
        pipeline.set_progress_bar_config(disable=True)

        @torch.inference_mode()
        def draw() -> Tensor:
            with plain():
                found: Tensor = pipeline(**given).images
            return found

        return draw
