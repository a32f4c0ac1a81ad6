"""What is built and how long it learns, for machines with and without a GPU. Numbers only.

All networks have 32 groups in their norms and 8 heads in the UNet's attention, which programs that read Stable Diffusion 1.x take for granted. In half precision they
take 48 MB together at most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modules.core.training import Learning, Mixed, TrainingRequest, Watching

NORM_BIAS = -0.1
"""Of the text encoder's last norm, as CLIP-L's is on the average: A1111's emphasis divides by the mean of what comes out."""
SPREAD = "scaled_linear"


@dataclass(frozen=True)
class Stage:
    """How one network learns. samples: seen in all. batch: of a step. rate: of learning. ema: decay of the averages."""

    samples: int
    batch: int
    rate: float
    ema: float = 0.998

    @property
    def steps(self) -> int:
        return max(1, self.samples // self.batch)


@dataclass(frozen=True)
class Preset:
    """objects: things it learns, 0 for all. side: native size in pixels. crop: side of what the autoencoder sees of a scene, until its last part, which is whole
    scenes. latents: how many different scenes the denoiser sees. vae, unet: widths. text: (width, layers, heads). short: tokens of a text until the last part. shown: pictures of a
    grid, at least four."""

    name: str
    objects: int
    side: int
    crop: int
    latents: int
    vae: tuple[int, ...]
    unet: tuple[int, ...]
    text: tuple[int, int, int]
    autoencoder: Stage
    denoiser: Stage
    short: int = 28
    mixed: Mixed = "no"
    seed: int = 1
    chunk: int = 512
    shown: int = 32
    watching: Watching = field(default_factory=lambda: Watching(measure_every=500, sample_every=2000, save_every=500))

    def recipe(self, what: str, package: str, resume: bool) -> TrainingRequest:
        """For the loop. package: hash of the data."""
        stage = self.autoencoder if what == "autoencoder" else self.denoiser
        plain = TrainingRequest(
            name=f"starter-{what}", what="autoencoder" if what == "autoencoder" else "unet", steps=stage.steps, batch=stage.batch, seed=self.seed
        )
        return replace(
            plain,
            model=f"{self.name}/{package[:16]}",
            learning=Learning(rate=stage.rate, curve="cosine", warmup=0.02, decay=0.01, clip=1.0, ema=stage.ema),
            watching=self.watching,
            mixed=self.mixed,
            resume=resume,
        )  # fmt: skip

    def vae_config(self) -> dict[str, Any]:
        levels = len(self.vae)
        return {
            "block_out_channels": list(self.vae), "layers_per_block": 1, "latent_channels": 4, "norm_num_groups": 32, "sample_size": self.side,
            "down_block_types": ["DownEncoderBlock2D"] * levels, "up_block_types": ["UpDecoderBlock2D"] * levels,
        }  # fmt: skip

    def unet_config(self) -> dict[str, Any]:
        inner = len(self.unet) - 1
        return {
            "block_out_channels": list(self.unet), "layers_per_block": 1, "cross_attention_dim": self.text[0], "attention_head_dim": 8,
            "norm_num_groups": 32, "sample_size": self.side // 8, "in_channels": 4, "out_channels": 4,
            "down_block_types": ["DownBlock2D"] + ["CrossAttnDownBlock2D"] * inner, "up_block_types": ["CrossAttnUpBlock2D"] * inner + ["UpBlock2D"],
        }  # fmt: skip

    def text_config(self, words: int, bos: int, eos: int) -> dict[str, Any]:
        width, layers, heads = self.text
        return {
            "vocab_size": words, "hidden_size": width, "intermediate_size": 4 * width, "num_hidden_layers": layers, "num_attention_heads": heads,
            "projection_dim": width, "max_position_embeddings": 77, "hidden_act": "quick_gelu", "bos_token_id": bos, "eos_token_id": eos, "pad_token_id": eos,
        }  # fmt: skip


SCHEDULER: Mapping[str, Any] = {
    "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": SPREAD, "num_train_timesteps": 1000,
    "prediction_type": "v_prediction", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1, "timestep_spacing": "leading",
}  # fmt: skip

PRESETS: Mapping[str, Preset] = {
    "gpu": Preset(
        "gpu", 0, 256, 128, latents=131_072, vae=(64, 64, 128, 128), unet=(64, 128, 256), text=(256, 3, 4),
        autoencoder=Stage(1_200_000, 64, 8e-4, 0.999), denoiser=Stage(6_000_000, 256, 8e-4, 0.9995), short=77, mixed="bf16",
        watching=Watching(measure_every=500, sample_every=2500, save_every=1000),
    ),
    "cpu": Preset(
        "cpu", 40, 128, 64, latents=49_152, vae=(64, 64, 128, 128), unet=(64, 128, 256), text=(256, 3, 4),
        autoencoder=Stage(96_000, 32, 1e-3, 0.998), denoiser=Stage(576_000, 48, 1.1e-3, 0.999), mixed="bf16",
        watching=Watching(measure_every=500, sample_every=1500, save_every=200),
    ),
}  # fmt: skip
