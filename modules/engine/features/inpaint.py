"""Keeps what the mask does not mark, at every denoiser call (parity rule 7.6; soft inpainting: parity-more 11)."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from modules.engine.feature import Feature
from modules.engine.features.once import Once
from modules.imaging.soft import Softness, blend
from modules.sampling.parameterization import Table, c_in
from modules.sampling.step import Denoise, Denoised, Step

HIGHEST = 1e6
"""Stands for the infinite level with which flow matching begins, in the formula of soft inpainting."""


@dataclass(frozen=True)
class InpaintMask(Feature):
    """init: [B, C, h, w], the clean latents of the start picture. mask: [1, h, w], 1 = drawn anew. soft: None for a plain mix.
    timesteps: the sampler is one of those that A1111 masks before the network (with the clean latents), not after guidance. table: for those."""

    init: Tensor
    mask: Tensor
    soft: Softness | None
    timesteps: bool
    table: Table
    _once: Once = field(default_factory=Once, init=False, repr=False, compare=False)

    def wrap(self, denoise: Denoise) -> Denoise:
        return self._before(denoise) if self.timesteps else self._after(denoise)

    def settle(self, latents: Tensor) -> Tensor:
        """The finished latents with the start picture's outside of the mask; soft inpainting keeps them as sampled."""
        return latents if self.soft else self._mixed(latents, 0.0)

    def _after(self, denoise: Denoise) -> Denoise:
        def masked(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            answer = denoise(x, sigma, step)
            return Denoised(self._mixed(answer.x0, min(float(sigma), HIGHEST)), answer.uncond, answer.x)

        return masked

    def _before(self, denoise: Denoise) -> Denoise:
        def masked(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
            scale = c_in(sigma)  # to the variance-preserving x that these samplers keep
            return denoise(self._mixed(x * scale, float(self.table.to_t(sigma, quantize=True))) / scale, sigma, step)

        return masked

    def _mixed(self, latents: Tensor, level: float) -> Tensor:
        init, mask = self._once(latents.device, lambda: (self.init.to(latents.device), self.mask.to(latents.device)))
        if self.soft:
            return blend(init, latents, mask, level, self.soft)
        return latents * mask + init * (1 - mask)
