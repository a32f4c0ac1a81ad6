"""Noise that continues a picture: the spectrum of what is there, with random phases, in its colours. For outpainting.

Knows no canvas. Rule: the project's notes on A1111 (Outpainting mk2), after the "fourier shaped noise" of parlance-zz's g-diffuser.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modules.imaging.color import matched_values

Floats = NDArray[np.float64]


def shaped_noise(source: Floats, mask: Floats, falloff: float = 1.0, variation: float = 0.05) -> Floats:
    """[H, W, 3] in 0..1: `source` where the mask is 0, noise where it is 1. source, mask: [H, W, 3] in 0..1.

    falloff: the spectrum's exponent, larger is smoother. variation: of colour against grey, 0..1. The noise has a seed of its own, always the same.
    Nothing to learn from (all black, or all masked) leaves plain noise.
    """
    hidden = mask.mean(-1)
    seen = source * (1 - hidden)[..., None]
    seen = seen / max(seen.max(), 1e-12) + source.mean() * mask
    spectrum = _transform(seen)
    strength = np.abs(spectrum)
    phase = spectrum / np.where(strength == 0, 1, strength)

    random = np.random.default_rng(0).random(source.shape)
    random = variation * random + (1 - variation) * (random.sum(-1, keepdims=True) / 3)
    random = np.real(_inverse(_transform(random) * _window(*hidden.shape)[..., None]))
    shaped = np.real(_inverse(np.abs(_transform(random)) ** 2 * strength**falloff * phase))
    shaped = shaped - shaped.min()
    shaped = shaped / max(shaped.max(), 1e-12)

    painted, reference = hidden > 1e-6, hidden < 1e-3
    if painted.any() and reference.any():
        for channel in range(source.shape[-1]):
            shaped[painted, channel] = matched_values(shaped[painted, channel], source[reference, channel])
    return (source * (1 - mask) + shaped * mask).clip(0, 1)


def _transform(plane: NDArray[np.generic]) -> NDArray[np.complexfloating]:
    """Centred, orthonormal, over the first two axes."""
    return np.fft.ifftshift(np.fft.fft2(np.fft.fftshift(plane, (0, 1)), axes=(0, 1), norm="ortho"), (0, 1))


def _inverse(plane: NDArray[np.generic]) -> NDArray[np.complexfloating]:
    return np.fft.ifftshift(np.fft.ifft2(np.fft.fftshift(plane, (0, 1)), axes=(0, 1), norm="ortho"), (0, 1))


def _window(rows: int, columns: int) -> Floats:
    """[rows, columns]: a Lorentzian in each direction; low frequencies pass."""
    shorter = min(rows, columns)
    down = (2 * np.arange(rows) / rows - 1) * rows / shorter
    across = (2 * np.arange(columns) / columns - 1) * columns / shorter
    return 1 / ((down[:, None] ** 2 + 1) * (across[None] ** 2 + 1))
