from __future__ import annotations

import torch
from torch import Tensor

from modules.sampling.step import Ask, Denoised, Sampling, Step, drive

X = torch.zeros(1, 1, 1, 1)


def counting(steps: int) -> Sampling:
    x = X
    for index in range(steps):
        answer = yield Ask(x, torch.tensor(float(steps - index)), index)
        x = answer.x0 + 1
    return x


def test_a_sampler_is_driven_to_its_end() -> None:
    seen: list[tuple[float, Step]] = []

    def denoise(x: Tensor, sigma: Tensor, step: Step) -> Denoised:
        seen.append((float(sigma), step))
        return Denoised(x, x, x)

    assert float(drive(counting(3), denoise, Step(call=4, calls=9, total=3, offset=20))) == 3
    assert [sigma for sigma, _ in seen] == [3, 2, 1]
    assert [step.call for _, step in seen] == [4, 5, 6]
    assert [step.index for _, step in seen] == [0, 1, 2]
    assert all((step.calls, step.total, step.offset) == (9, 3, 20) for _, step in seen)


def test_a_sampler_that_asks_nothing() -> None:
    assert torch.equal(drive(counting(0), lambda x, sigma, step: Denoised(x, x, x), Step()), X)
