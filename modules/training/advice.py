"""The learning rate that suits, where none was given. Small networks learn with larger steps. No torch.

Source: kohya's and diffusers' usual values for Stable Diffusion; those for small networks were tried with the starter model (benchmarks/training.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from modules.core.training import What

SMALL = 100_000_000
"""Numbers of a denoiser below which it is a small one."""
RATES: Mapping[What, tuple[float, float]] = {"lora": (1e-4, 3e-3), "inversion": (5e-3, 5e-3), "unet": (1e-5, 2e-4), "autoencoder": (2e-5, 2e-4)}
"""Of large networks, and of small ones."""


def rate(what: What, numbers: int) -> float:
    """numbers: of the denoiser; 0 where that is not known."""
    large, small = RATES[what]
    return small if 0 < numbers < SMALL else large
