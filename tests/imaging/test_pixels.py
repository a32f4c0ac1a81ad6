from __future__ import annotations

import numpy as np
import torch

from modules.imaging.pixels import to_images, to_tensor
from tests.imaging.painting import noise, values


def test_there_and_back() -> None:
    """Every value of 8 bits, as A1111 computes it in float32, and truncation back; what float32 loses is at most one level."""
    images = [noise(24, 16, seed) for seed in range(3)]
    tensor = to_tensor(images)
    assert tensor.shape == (3, 3, 16, 24) and tensor.dtype == torch.float32
    expected = np.asarray(images[1], np.float32) / np.float32(255) * np.float32(2) - np.float32(1)
    assert (tensor[1].permute(1, 2, 0).numpy() == expected).all()
    for image, back in zip(images, to_images(tensor), strict=True):
        assert np.isin(values(image) - values(back), [0, 1]).all()


def test_values_are_cut_not_rounded() -> None:
    pixels = torch.tensor([-3.0, -1.0, 1.999 / 127.5 - 1, 1.0, 7.0]).reshape(1, 1, 1, 5).expand(1, 3, 1, 5)
    assert values(to_images(pixels)[0])[0, :, 0].tolist() == [0, 0, 1, 255, 255]
