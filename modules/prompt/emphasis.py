"""What weights do to the text encoder's output: A1111's rules. compel's rule is another algorithm, in `compel_weights`.

Knows no tokens and no chunks but the one column of them that it is given.
Source: AUTOMATIC1111 v1.10.1's behaviour (parity rule 7.2).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from modules.core.groups.sampling import Emphasis


def weigh(z: Tensor, weights: Tensor, emphasis: Emphasis = "Original", copies: Sequence[int] | None = None) -> Tensor:
    """z: [T, 77, D], the same chunk of every text of a call. weights: [T, 77]. Returns [T, 77, D] in z's type.

    "Original": z times its weights, then all of it scaled so that the mean over the whole tensor is what it was. "No norm": without that scaling.
    "Ignore" and "None": z as it is. copies: how often each text occurs in the call, where z holds it once; the mean is over all occurrences.
    """
    if emphasis not in ("Original", "No norm") or bool((weights == 1).all()):
        return z
    weighted = z.float() * weights.to(z.device, torch.float32).unsqueeze(-1)
    if emphasis == "Original":
        before, after = _mean(z, copies), _mean(weighted, copies)
        ratio = before / after if after else math.nan
        if math.isfinite(ratio):
            weighted = weighted * ratio
    return weighted.to(z.dtype)


def _mean(z: Tensor, copies: Sequence[int] | None) -> float:
    # Row by row and in double precision: the sum then does not depend on how many rows there are or in which order.
    rows = [float(row.double().mean()) for row in z]
    times = copies or [1] * len(rows)
    return math.fsum(row * n for row, n in zip(rows, times, strict=True)) / sum(times)
