"""Puts LoRAs and their kin on a loaded model and takes them off again, to the bit.

A layer that one touches gets a new weight, made in float32 from its own and from everything that is added to it, and its own is laid aside; taking off puts
that very tensor back. So nothing is ever subtracted, and several adapters give the same weights in whichever order they are named.
Knows no prompt and no folder. Files: `lora_file`; formulas: `lora_delta`; names: `lora_names`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from modules.core.errors import BadModelFile, InvalidRequest, Unsupported
from modules.networks import lora_delta
from modules.networks.lora_file import FileLayer, LoraFile, count
from modules.networks.lora_names import DENOISER, Names, Place, split
from modules.networks.packed import Packed

STRAY = 0.1
"""Share of its layers that may have another shape than the model's (the first layer of a LoRA for inpainting models); more, and it was made for another kind."""
NEEDS = "Use a LoRA made for this kind of model, or the checkpoint that it was made for."


@dataclass(frozen=True)
class Wear:
    """One adapter and how much of it. order: decides what is added first, so that rounding does not hang on who is named first; the file's hash.
    te, unet: strengths. dyn: so many of its ranks, 0 for all. name: of the file that the user knows, where this one was made of it."""

    path: Path
    order: str
    te: float = 1.0
    unet: float = 1.0
    dyn: int = 0
    name: str = ""

    @property
    def called(self) -> str:
        return self.name or self.path.name


@dataclass(frozen=True)
class Fit:
    """What became of an adapter: so many of its tensors found their layers. unknown: names of a few that did not."""

    path: Path
    applied: int
    tensors: int
    unknown: tuple[str, ...] = ()


class _Share(NamedTuple):
    """What one layer of a file adds to one layer of a model. whole: all layers whose rows the file's holds, one below the other. row: ours among them."""

    file: LoraFile
    layer: FileLayer
    strength: float
    dyn: int
    whole: tuple[nn.Module, ...]
    row: int


@contextmanager
def worn(parts: Mapping[str, Any], wears: Sequence[Wear]) -> Iterator[list[Fit]]:
    """Inside, the model's networks wear these; -> what became of each, in the order given. parts: components by name, as in `families.family.Model`.
    Raises BadModelFile for a damaged file, Unsupported for one made for another kind of model, InvalidRequest for strengths that no number can hold; the model
    is then as it was."""
    names = Names(parts)
    shares: dict[Place, list[_Share]] = {}
    order = sorted(range(len(wears)), key=lambda number: (wears[number].order, wears[number].te, wears[number].unet, wears[number].dyn))
    fits = {number: _placed(wears[number], names, shares) for number in order}
    own = {id(layer): weight_of(layer) for layer in map(names.layers.__getitem__, shares) if not isinstance(layer, Packed)}
    with ExitStack() as standing:
        for place, added in shares.items():
            _dress(names.layers[place], added, own, standing)
        yield [fits[number] for number in range(len(wears))]


def _placed(wear: Wear, names: Names, shares: dict[Place, list[_Share]]) -> Fit:
    """Lays down what a file adds to which layers. Raises BadModelFile, Unsupported."""
    file = LoraFile(wear.path, wear.called)
    applied, unfitting = 0, 0
    unknown = list(file.stray)
    for layer in file.layers:
        places = names.find(layer.name)
        whole = tuple(names.layers[place] for place in places)
        if not places or not lora_delta.makes_something(layer.tensors):
            unknown += layer.tensors.values()
        elif not _fits(file.shape(layer), whole):
            unfitting += 1
            unknown += layer.tensors.values()
        else:
            applied += len(layer.tensors)
            if strength := wear.unet if split(layer.name)[0] == DENOISER else wear.te:
                for index, place in enumerate(places):
                    shares.setdefault(place, []).append(_Share(file, layer, strength, wear.dyn, whole, index))
    if unfitting > STRAY * len(file.layers):
        raise Unsupported(f"{wear.called} was made for another kind of model: {unfitting} of its {len(file.layers)} layers do not fit.", NEEDS, "prompt")
    return Fit(wear.path, applied, file.tensors, tuple(unknown[:5]))


def _fits(shape: tuple[int, int] | None, whole: Sequence[nn.Module]) -> bool:
    sizes = [(form[0], count(form[1:])) for form in map(form_of, whole)]
    return shape is None or (shape[0] == sum(rows for rows, _ in sizes) and all(shape[1] == columns for _, columns in sizes))


def weight_of(layer: nn.Module) -> Tensor:
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight


def form_of(layer: nn.Module) -> tuple[int, ...]:
    return layer.form if isinstance(layer, Packed) else tuple(weight_of(layer).shape)


def _dress(layer: nn.Module, shares: Sequence[_Share], own: Mapping[int, Tensor], standing: ExitStack) -> None:
    """Gives a layer its new weight, and its bias where one is added to; `standing` takes them off. own: the weights as they were, by their layers."""
    if isinstance(layer, Packed):
        _bend(layer, shares, own, standing)
        return
    sums: dict[str, Tensor] = {}
    with torch.inference_mode(False), torch.no_grad():  # tensors made inside of inference mode could never be moved or trained later
        for share in shares:
            for name, added in _added(share, share.file.read(share.layer, own[id(layer)].device), own).items():
                sums[name] = sums[name] + added * share.strength if name in sums else added * share.strength
        for name, total in sums.items():
            kept = own[id(layer)] if name == "weight" else layer._parameters.get("bias")
            whole = total if kept is None else kept.detach().to(torch.float32) + total.reshape(kept.shape).to(kept.device)
            if not whole.isfinite().all():
                _check(layer, name, shares, own, kept)
            _swap(layer, name, nn.Parameter(whole.to(own[id(layer)].dtype), requires_grad=False), standing)


def _bend(layer: Packed, shares: Sequence[_Share], own: Mapping[int, Tensor], standing: ExitStack) -> None:
    """As `_dress`, of a layer that makes its weight anew whenever it computes: what is added is made anew with it, and only the file's tensors stay in memory."""
    with torch.inference_mode(False), torch.no_grad():
        read = [(share, share.file.read(share.layer, weight_of(layer).device)) for share in shares]

        def added(weight: Tensor, what: str = "weight") -> Tensor | None:
            total: Tensor | None = None
            for share, parts in read:
                there = {name: part.to(weight.device) for name, part in parts.items()}
                one = _added(share, there, {**own, id(layer): weight}).get(what)
                if one is not None:
                    total = one * share.strength if total is None else total + one * share.strength
            return total

        before, plain = layer.added, layer.bare().float()
        total, bias = added(plain), added(plain, "bias")
        for name, one in (("weight", total), ("bias", bias)):
            if one is not None and not one.isfinite().all():
                _check(layer, name, shares, {**own, id(layer): plain}, plain)
        if bias is not None:
            kept = layer._parameters.get("bias")
            whole = bias if kept is None else kept.detach().to(torch.float32) + bias.reshape(kept.shape).to(kept.device)
            _swap(layer, "bias", nn.Parameter(whole.to(layer.number), requires_grad=False), standing)
        if total is None:
            return

    def bent(weight: Tensor) -> Tensor:
        earlier, now = before(weight) if before else None, added(weight)
        assert now is not None
        return now.reshape(weight.shape) if earlier is None else earlier + now.reshape(weight.shape)

    standing.callback(setattr, layer, "added", before)
    layer.added = bent


def _added(share: _Share, parts: Mapping[str, Tensor], own: Mapping[int, Tensor]) -> dict[str, Tensor]:
    """What a share adds to the weight and to the bias, at strength 1. parts: the file's tensors of it."""
    forms = [form_of(layer) for layer in share.whole]
    first = sum(form[0] for form in forms[: share.row])
    rows = slice(first, first + forms[share.row][0])
    found: dict[str, Tensor] = {}
    if lora_delta.kind_of(parts):
        try:
            found["weight"] = lora_delta.delta(parts, _joined(share, lora_delta.looks(parts), own), share.dyn)[rows]
        except BadModelFile as error:
            what = f"{share.file.name} was made for another kind of model: in {share.layer.name[:120]} {error.what}."
            raise Unsupported(what, NEEDS, "prompt") from error
    if (bias := lora_delta.bias_delta(parts)) is not None:
        found["bias"] = bias.flatten()[rows]
    return found


def _joined(share: _Share, looked_at: bool, own: Mapping[int, Tensor]) -> Tensor:
    """The weights of all layers of a share, one below the other, float32. looked_at: whether their numbers matter, or their shape alone."""
    packed = [layer for layer in share.whole if id(layer) not in own]
    if packed and not looked_at:
        return torch.zeros(()).expand(sum(form_of(layer)[0] for layer in share.whole), *form_of(share.whole[0])[1:])
    device = next((own[id(layer)].device for layer in share.whole if id(layer) in own), None)
    weights = [layer.bare().to(device) if isinstance(layer, Packed) and id(layer) not in own else own[id(layer)] for layer in share.whole]
    whole = [weight.detach().to(device=device, dtype=torch.float32) for weight in weights]
    return torch.cat(whole) if len(whole) > 1 else whole[0]


def _check(layer: nn.Module, name: str, shares: Sequence[_Share], own: Mapping[int, Tensor], kept: Tensor | None) -> None:
    """Why a layer's new weight or bias is not of numbers. own: as of `_dress`, with this layer's. kept: its own. Raises BadModelFile, InvalidRequest; not where the model's own is to blame."""
    if kept is not None and not kept.isfinite().all():
        return
    for share in shares:
        added = _added(share, share.file.read(share.layer, own[id(layer)].device), own).get(name)
        if added is not None and not added.isfinite().all():
            raise BadModelFile(f"{share.file.name} holds values that are no numbers.", "Its training or its download failed; use another LoRA.", "prompt")
    worn = ", ".join(dict.fromkeys(f"{share.file.name} at {share.strength:g}" for share in shares))
    raise InvalidRequest(f"A weight of the model would be larger than any number: {worn}.", "Give the LoRA a smaller weight.", "prompt")


def _swap(layer: nn.Module, name: str, new: nn.Parameter, standing: ExitStack) -> None:
    kept = layer._parameters[name]

    def back() -> None:
        if kept is not None:  # the layer may have been moved meanwhile
            kept.data = kept.data.to(layer._parameters[name].device)  # type: ignore[union-attr]
        layer._parameters[name] = kept

    standing.callback(back)
    layer._parameters[name] = new
