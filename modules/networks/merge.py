"""Checkpoints merged into a new one, tensor by tensor: weighted sum, add difference, or a copy with another VAE. Streamed: memory does not grow with the files.

The rules and names are AUTOMATIC1111's: A decides what the result holds; an inpainting or instruct-pix2pix A takes over the four plain channels of a B that
has only those. Numbers are computed in float32. Its recipe is written into the metadata under A1111's keys. Knows no folder and no card.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict

from modules.core.errors import BadModelFile, InvalidRequest
from modules.core.params import STRICT, Param
from modules.networks import ldm_names
from modules.networks.rewriting import DTYPES, EMA, Precision, is_quantised, proper
from modules.networks.streaming import NUMBERS, Floats, Report, Source, Tensor, encoded, write

Method = Literal["Weighted sum", "Add difference", "No interpolation"]
NOT_MERGED = ("position_ids",)
"""Endings of names that are counters, whatever type a file keeps them in."""
OLD_ATTENTION = {".query.": ".to_q.", ".key.": ".to_k.", ".value.": ".to_v.", ".proj_attn.": ".to_out.0."}
"""Names of the autoencoder's attention in diffusers folders written before 0.18."""
KNOWN = 0.6
"""Share of A's numbers that B must know, or they are different networks."""


@dataclass(frozen=True, kw_only=True)
class Mix:
    """How files become one. multiplier: 0 is A, 1 is B; of Add difference, how much of B - C is added."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    method: Annotated[Method, Param("Interpolation method")] = "Weighted sum"
    multiplier: Annotated[float, Param("Multiplier (M)", 0, 1, 0.05, hint="0 is A, 1 is B. Add difference: how much of B - C is added to A.")] = 0.3
    precision: Annotated[Precision, Param("Precision", hint="as it is: as A has it.")] = "as it is"


def merged(mix: Mix, a: Source, b: Source | None, c: Source | None, vae: Source | None = None) -> Iterator[Tensor]:
    """The tensors of the result. Raises InvalidRequest, BadModelFile for files that do not go together."""
    sources = [source for source, needed in ((a, True), (b, mix.method != "No interpolation"), (c, mix.method == "Add difference")) if needed and source]
    if len(sources) < {"No interpolation": 1, "Weighted sum": 2, "Add difference": 3}[mix.method]:
        raise InvalidRequest(f"{mix.method} needs {'three models: A, B and C' if mix.method == 'Add difference' else 'two models: A and B'}.", "Choose them.")
    for source in sources:
        if is_quantised(source):
            raise BadModelFile(f"{source.path.name} is quantised: its numbers cannot be mixed.", "Merge files in fp32, fp16 or bf16.")
    names = [_proper(source) for source in sources]
    for other, known in zip(sources[1:], names[1:], strict=True):
        _same_network(a, names[0], other, known)
    baked = _baked(vae) if vae else {}
    for name, inside in names[0].items():
        dtype = a.tensors[inside].dtype
        wanted = DTYPES.get(mix.precision, dtype) if dtype in NUMBERS else dtype
        if name.startswith(EMA) or name in baked:
            continue
        others = [(source, known[name]) for source, known in zip(sources[1:], names[1:], strict=True) if name in known]
        if len(others) < len(sources) - 1 or len(sources) == 1 or dtype not in NUMBERS or name.endswith(NOT_MERGED):
            yield a.cast(inside, wanted, name)
        else:
            yield _mixed(mix, a, inside, others, name, wanted)
    for name, (inside, shape) in baked.items():
        assert vae is not None
        kept = vae.tensors[inside].dtype
        yield vae.cast(inside, DTYPES.get(mix.precision, kept) if kept in NUMBERS else kept, name, shape)


def merge(mix: Mix, a: Path, b: Path | None, c: Path | None, vae: Path | None, target: Path, metadata: dict[str, str], report: Report) -> None:
    """Writes the merged file under a new name. Raises InvalidRequest, BadModelFile, OutputTrouble, and what `report` raises."""
    opened = [Source.open(path) if path else None for path in (b, c, vae)]
    write(target, merged(mix, Source.open(a), *opened), metadata, report)


def _proper(source: Source) -> dict[str, str]:
    """Name that readers look for -> name in the file."""
    return {proper(name) if proper(name) not in source.tensors else name: name for name in source.tensors}


def _same_network(a: Source, names: dict[str, str], other: Source, known: dict[str, str]) -> None:
    """Raises BadModelFile for files of two architectures, InvalidRequest where the order is the wrong way round."""
    total = shared = 0
    for name, inside in names.items():
        entry = a.tensors[inside]
        if entry.dtype not in NUMBERS or name.startswith(EMA):
            continue
        total += math.prod(entry.shape)
        if name not in known:
            continue
        shared += math.prod(entry.shape)
        shape = other.tensors[known[name]].shape
        if shape != entry.shape and not _narrower(entry.shape, shape):
            if _narrower(shape, entry.shape):
                what = f"{other.path.name} takes {shape[1]} input channels and {a.path.name} only {entry.shape[1]}."
                raise InvalidRequest(what, "The inpainting or instruct-pix2pix model must be A.", "a")
            raise BadModelFile(f"{a.path.name} and {other.path.name} are different networks: {name[:80]} is {entry.shape} in one and {shape} in the other.")
    if total and shared < KNOWN * total:
        raise BadModelFile(
            f"{a.path.name} and {other.path.name} are different networks: they share {shared / total:.0%} of A's weights.", "Choose two of one family."
        )


def _narrower(wide: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    """Whether `shape` is that of the plain UNet's first layer beside one with further input channels."""
    return len(wide) == len(shape) == 4 and wide[:1] + wide[2:] == shape[:1] + shape[2:] and shape[1] == 4 and wide[1] in (8, 9)


def _mixed(mix: Mix, a: Source, inside: str, others: list[tuple[Source, str]], name: str, dtype: str) -> Tensor:
    shape = a.tensors[inside].shape
    plain = all(source.tensors[known].shape == shape for source, known in others)

    def pieces() -> Iterator[Any]:
        if plain:
            for parts in zip(
                a.floats(inside), *(source.floats(known) for source, known in others), strict=True
            ):  # pieces are counted in numbers, so all go in step
                yield encoded(_value(mix, [*parts]), dtype)
        else:
            first, rest = a.whole(inside), [source.whole(known) for source, known in others]
            first[:, :4] = _value(mix, [first[:, :4], *(part[:, :4] for part in rest)])
            yield encoded(first.reshape(-1), dtype)

    return Tensor(name, dtype, shape, pieces)


def _value(mix: Mix, parts: list[Floats]) -> Floats:
    m = np.float32(mix.multiplier)
    if mix.method == "Weighted sum":
        return (np.float32(1) - m) * parts[0] + m * parts[1]
    return parts[0] + m * (parts[1] - parts[2])


def _baked(vae: Source) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name in a checkpoint -> (name in the VAE's file, shape), of a VAE with LDM's names, with or without prefix, or with diffusers'."""
    found: dict[str, tuple[str, tuple[int, ...]]] = {}
    for name, entry in vae.tensors.items():
        plain = name.removeprefix(ldm_names.VAE)
        if plain.startswith(("loss.", EMA)):
            continue
        for old, new in OLD_ATTENTION.items():
            plain = plain.replace(old, new)
        into, shape = ldm_names.VAE + plain, entry.shape
        if ".down_blocks." in plain or ".up_blocks." in plain or ".mid_block." in plain or plain.startswith(("encoder.conv_norm_out", "decoder.conv_norm_out")):
            into = ldm_names.vae(plain, _levels(vae))
            if ".attn_1." in into and len(shape) == 2:
                shape = (*shape, 1, 1)
        found[into] = name, shape
    if f"{ldm_names.VAE}decoder.conv_in.weight" not in found:
        raise BadModelFile(f"{vae.path.name} is no VAE that could be baked in.", "Choose one from models/VAE.", "vae")
    return found


def _levels(vae: Source) -> int:
    blocks = {name.split(".")[2] for name in vae.tensors if name.startswith("encoder.down_blocks.")}
    return len(blocks)
