"""One model file rewritten as another: in another precision, without averaged weights or with them in place of the plain ones, with the names that readers
expect. Names and bytes only, streamed; knows no network.

Averaged weights (EMA): Rombach et al.'s LitEma keeps a copy of each weight of `model.` as `model_ema.` and its name without dots.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from modules.core.errors import InvalidRequest
from modules.networks.streaming import NUMBERS, Report, Source, Tensor, write

Precision = Literal["as it is", "fp32", "fp16", "bf16"]
Averages = Literal["drop", "use", "keep"]
DTYPES = {"fp32": "F32", "fp16": "F16", "bf16": "BF16"}
EMA = "model_ema."
TEXT, PART = "cond_stage_model.transformer.", "text_model."
TEXT_PARTS = ("embeddings.", "encoder.", "final_layer_norm.")
QUANTISED = (".scale_weight", ".weight_scale", ".absmax", ".quant_map", ".quant_state.", ".comfy_quant")
"""Parts of names that only files have whose numbers mean something together with a scale."""


def averaged(name: str) -> str:
    """The name under which the average of a weight is kept."""
    return EMA + name.removeprefix("model.").replace(".", "")


def proper(name: str) -> str:
    """The name that readers of LDM checkpoints look for: old merges, and files saved with transformers of today, lack `text_model.`."""
    rest = name.removeprefix(TEXT)
    return f"{TEXT}{PART}{rest}" if name.startswith(TEXT) and rest.startswith(TEXT_PARTS) else name


def rewritten(source: Source, precision: Precision = "as it is", averages: Averages = "drop") -> Iterator[Tensor]:
    """The tensors of the new file. Raises InvalidRequest where the file has no averages that could be used, or is quantised."""
    names = source.tensors
    has_averages = any(name.startswith(EMA) for name in names)
    if averages == "use" and not has_averages:
        raise InvalidRequest(f"{source.path.name} holds no averaged (EMA) weights.", "Convert it without asking for them.", "averages")
    if precision != "as it is" and is_quantised(source):
        raise InvalidRequest(
            f"{source.path.name} is quantised: its numbers mean something only with their scales.", "Keep its precision as it is.", "precision"
        )
    for name, entry in names.items():
        if name.startswith(EMA) and averages != "keep":
            continue
        kept = averaged(name)
        taken = kept if averages == "use" and kept in names and names[kept].shape == entry.shape else name
        into = proper(name)
        if into != name and into in names:
            into = name
        yield source.copied(taken, into) if precision == "as it is" else source.cast(taken, DTYPES[precision], into)


def is_quantised(source: Source) -> bool:
    return any(part in name for name in source.tensors for part in QUANTISED)


def convert(path: Path, target: Path, report: Report, precision: Precision = "as it is", averages: Averages = "drop") -> None:
    """Rewrites a safetensors file under a new name; its metadata stay. Raises BadModelFile, InvalidRequest, OutputTrouble."""
    source = Source.open(path)
    write(target, rewritten(source, precision, averages), source.header.metadata, report)


def precision_of(source: Source) -> str:
    """The type that most of the numbers have, as it is called in the files."""
    counts: dict[str, int] = {}
    for name, entry in source.tensors.items():
        if entry.dtype in NUMBERS:
            first, last = source.header.offsets[name]
            counts[entry.dtype] = counts.get(entry.dtype, 0) + last - first
    return max(counts, key=lambda dtype: counts[dtype], default="F32")
