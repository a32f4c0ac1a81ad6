"""What an adapter adds to one layer's weight, as a formula per kind of file. Knows no file, no name of a layer and no model.

W is the layer's own weight [out, in] or [out, in, h, w], everything is float32, and what comes out has W's shape:

    LoRA, LoCon   s B A, with a core of k x k: s B C A           Hu et al. 2021; LyCORIS (Yeh et al. 2023), 3.1 and its Tucker form
    LoHa          s (B1 A1) * (B2 A2)                           Hyeon-Woo et al. 2021 (FedPara)
    LoKr          s C (x) D, each whole or a product            Edalati et al. 2022 (KronA)
    GLoRA         s (W A1 A2 + B1 B2)                           Chavan et al. 2023
    OFT, BOFT     R W - W, R block by block by Cayley           Qiu et al. 2023; Liu et al. 2023
    IA3           W * l                                         Liu et al. 2022
    full, norms   the difference itself
    DoRA          m (W + D) / |W + D| - W over any of the above   Liu et al. 2024

s = alpha / rank, 1 without alpha.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping

import torch
from torch import Tensor

from modules.core.errors import BadModelFile
from modules.memory.device import is_out_of_memory

Parts = Mapping[str, Tensor]
"""The tensors of one layer in the file, float32, by the names in `KINDS`."""


def delta(parts: Parts, weight: Tensor, dyn: int = 0) -> Tensor:
    """weight: float32. dyn: only so many ranks of a plain LoRA, 0 for all. Raises BadModelFile where shapes do not fit the layer."""
    kind = kind_of(parts)
    try:
        added = KINDS[kind][1](parts, weight, dyn).reshape(weight.shape)
        return _decomposed(parts["dora_scale"], weight, added) if "dora_scale" in parts else added
    except (RuntimeError, IndexError, ValueError) as error:  # of torch, for shapes that do not go together
        if is_out_of_memory(error):
            raise
        raise BadModelFile(f"its tensors ({kind}) do not fit a layer of {' x '.join(map(str, weight.shape))}") from error


def bias_delta(parts: Parts) -> Tensor | None:
    """What is added to the layer's bias, None for nothing."""
    if "up_b" in parts and "down" in parts:
        return parts["up_b"] * _scale(parts, parts["down"].shape[0])
    return parts.get("diff_b")


def kind_of(parts: Container[str]) -> str:
    """ "" for parts that make none."""
    return next((kind for kind, (needed, _) in KINDS.items() if any(all(name in parts for name in row) for row in needed)), "")


def looks(parts: Container[str]) -> bool:
    """Whether what is added hangs on the numbers of the layer's weight, and not on its shape alone."""
    return "dora_scale" in parts or kind_of(parts) in LOOKING


def makes_something(names: Container[str]) -> bool:
    """Whether these parts change a weight or a bias."""
    return bool(kind_of(names)) or "diff_b" in names


def _scale(parts: Parts, rank: int) -> float:
    if "scale" in parts:
        return float(parts["scale"])
    return float(parts["alpha"]) / rank if "alpha" in parts else 1.0


def _flat(tensor: Tensor) -> Tensor:
    """[a, b, ...] -> [a, everything else]."""
    return tensor.reshape(tensor.shape[0], -1)


def _lora(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    up, down, rank = parts["up"], parts["down"], parts["down"].shape[0]
    if dyn:
        up, down = up[:, :dyn], down[:dyn]
    if "mid" in parts:
        core = parts["mid"][:dyn, :dyn] if dyn else parts["mid"]
        product = torch.einsum("op,pr...,ri->oi...", _flat(up), core, _flat(down))
    else:
        product = _flat(up) @ _flat(down)
    return product * _scale(parts, rank)


def _hadamard(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    def product(number: int) -> Tensor:
        a, b = parts[f"hada_w{number}_a"], parts[f"hada_w{number}_b"]
        core = parts.get(f"hada_t{number}")
        return a @ b if core is None else torch.einsum("pq...,po,qi->oi...", core, a, b)

    return product(1) * product(2) * _scale(parts, parts["hada_w1_b"].shape[0])


def _kronecker(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    ranks: list[int] = []

    def factor(number: int) -> Tensor:
        whole = parts.get(f"lokr_w{number}")
        if whole is not None:
            return whole
        a, b = parts[f"lokr_w{number}_a"], parts[f"lokr_w{number}_b"]
        core = parts.get(f"lokr_t{number}")
        ranks.append(b.shape[0])
        return a @ _flat(b) if core is None else torch.einsum("pq...,po,qi->oi...", core, a, b)

    first, second = factor(1), factor(2)
    if weight.dim() > 2 and second.dim() == 2:  # the kernel was folded into the columns
        second = second.reshape(second.shape[0], -1, *weight.shape[2:])
    first = first.reshape(*first.shape, *[1] * (second.dim() - first.dim()))
    return torch.kron(first, second.contiguous()) * (_scale(parts, ranks[-1]) if ranks else 1.0)


def _generalised(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    """LyCORIS turned the names of its matrices about: the shapes say which way a file has them."""
    a1, a2, b1, b2 = (parts[name] for name in ("a1", "a2", "b1", "b2"))
    older = b1.shape[0] != weight.shape[0] or (a1.shape[0] != weight.shape[1] and b2.shape[0] == weight.shape[0])
    if older:
        a1, a2, b1, b2 = a2, a1, b2, b1
    inside = _flat(a1) @ _flat(a2)
    bent = torch.einsum("oi...,ij->oj...", weight, inside)
    added = torch.einsum("op,pr...,ri->oi...", _flat(b1), parts["bm"], _flat(b2)) if "bm" in parts else _flat(b1) @ _flat(b2)
    return (bent + added.reshape(weight.shape)) * _scale(parts, a2.shape[0])


def _cayley(parts: Parts, out: int) -> Tensor:
    """Rotations [..., blocks, n, n]. alpha bounds them, for the whole layer; 0 or none: unbounded."""
    blocks = parts["oft_blocks"]
    skew = blocks - blocks.transpose(-1, -2)
    bound = float(parts["alpha"]) * out if "alpha" in parts else 0.0
    length = torch.linalg.vector_norm(skew) + 1e-8
    if 0 < bound < length:
        skew = skew * (bound / length)
    eye = torch.eye(skew.shape[-1], device=skew.device)
    return (eye + skew) @ torch.linalg.inv(eye - skew)


def _orthogonal(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    turned, rotations = weight, _cayley(parts, weight.shape[0])
    if rotations.dim() == 3:
        rows = weight.reshape(rotations.shape[0], rotations.shape[1], -1)
        turned = torch.einsum("knm,knx->kmx", rotations, rows).reshape(weight.shape)
    for level, stage in enumerate(rotations if rotations.dim() == 4 else ()):  # butterflies: each level mixes rows twice as far apart
        near = 2**level * (stage.shape[-1] // 2)
        rows = turned.unflatten(0, (-1, 2, near)).transpose(1, 2).flatten(0, 2).unflatten(0, (-1, stage.shape[-1]))
        rows = torch.einsum("bij,bj...->bi...", stage, rows).flatten(0, 1)
        turned = rows.unflatten(0, (-1, near, 2)).transpose(1, 2).flatten(0, 2)
    if "rescale" in parts:
        turned = turned * parts["rescale"].reshape(-1, *[1] * (weight.dim() - 1))
    return turned - weight


def _scaled(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    factors = parts["ia3"].flatten()
    sides = (1, -1) if bool(parts["on_input"]) else (-1, 1)
    return weight * factors.reshape(*sides, *[1] * (weight.dim() - 2))


def _plain(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    return parts["diff"]


def _replacing(parts: Parts, weight: Tensor, dyn: int) -> Tensor:
    return parts["set_weight"].reshape(weight.shape) - weight


def _decomposed(magnitude: Tensor, weight: Tensor, added: Tensor) -> Tensor:
    """The magnitude belongs to the rows, [out, 1, ...] or [out], or to the columns, [1, in, ...]: its shape says to which."""
    merged = weight + added
    columns = magnitude.dim() > 1 and magnitude.shape[0] == 1 and magnitude.shape[1] == weight.shape[1] and weight.shape[0] > 1
    axes = [axis for axis in range(weight.dim()) if axis != int(columns)]
    length = torch.linalg.vector_norm(merged, dim=axes, keepdim=True) + torch.finfo(torch.float32).eps
    return magnitude.reshape(length.shape) * (merged / length) - weight


KINDS: Mapping[str, tuple[tuple[tuple[str, ...], ...], Callable[[Parts, Tensor, int], Tensor]]] = {
    "LoRA": ((("up", "down"),), _lora),
    "LoHa": ((("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"),), _hadamard),
    "LoKr": (
        (
            ("lokr_w1", "lokr_w2"),
            ("lokr_w1", "lokr_w2_a", "lokr_w2_b"),
            ("lokr_w1_a", "lokr_w1_b", "lokr_w2"),
            ("lokr_w1_a", "lokr_w1_b", "lokr_w2_a", "lokr_w2_b"),
        ),
        _kronecker,
    ),
    "GLoRA": ((("a1", "a2", "b1", "b2"),), _generalised),
    "OFT": ((("oft_blocks",),), _orthogonal),
    "IA3": ((("ia3", "on_input"),), _scaled),
    "full": ((("diff",),), _plain),
    "replacement": ((("set_weight",),), _replacing),
}
"""Kind -> the parts that make it, any one row, and its formula. Biases are differences of their own, beside any of them."""
LOOKING = ("GLoRA", "OFT", "IA3", "replacement")
"""Kinds whose formulas use W."""
