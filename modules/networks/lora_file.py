"""An adapter file as layers: which of its tensors belong together, by the names that trainers give them. Knows no model and no formula.

Sources: kohya's sd-scripts, LyCORIS, peft, diffusers (before and since peft), OneTrainer and ComfyUI, as they save their tensors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from modules.catalog import header
from modules.networks.weights import DTYPES, INTEGERS, Weights

ENDINGS: Mapping[str, str] = {
    ".lora_up.weight": "up",
    ".lora_down.weight": "down",
    ".lora_mid.weight": "mid",
    ".lora_B.weight": "up",
    ".lora_A.weight": "down",
    ".lora_B.default.weight": "up",
    ".lora_A.default.weight": "down",
    ".lora.up.weight": "up",
    ".lora.down.weight": "down",
    ".lora_linear_layer.up.weight": "up",
    ".lora_linear_layer.down.weight": "down",
    "_lora.up.weight": "up",
    "_lora.down.weight": "down",
    ".lora_B.bias": "up_b",
    ".lora_magnitude_vector": "dora_scale",
    ".lora_magnitude_vector.weight": "dora_scale",
    ".lora_magnitude_vector.default.weight": "dora_scale",
    ".dora_scale": "dora_scale",
    ".alpha": "alpha",
    ".scale": "scale",
    ".hada_w1_a": "hada_w1_a",
    ".hada_w1_b": "hada_w1_b",
    ".hada_w2_a": "hada_w2_a",
    ".hada_w2_b": "hada_w2_b",
    ".hada_t1": "hada_t1",
    ".hada_t2": "hada_t2",
    ".lokr_w1": "lokr_w1",
    ".lokr_w1_a": "lokr_w1_a",
    ".lokr_w1_b": "lokr_w1_b",
    ".lokr_w2": "lokr_w2",
    ".lokr_w2_a": "lokr_w2_a",
    ".lokr_w2_b": "lokr_w2_b",
    ".lokr_t1": "lokr_t1",
    ".lokr_t2": "lokr_t2",
    ".a1.weight": "a1",
    ".a2.weight": "a2",
    ".b1.weight": "b1",
    ".b2.weight": "b2",
    ".bm.weight": "bm",
    ".oft_blocks": "oft_blocks",
    ".oft_diag": "oft_blocks",
    ".rescale": "rescale",
    ".on_input": "on_input",
    ".w_norm": "diff",
    ".b_norm": "diff_b",
    ".diff": "diff",
    ".diff_b": "diff_b",
    ".set_weight": "set_weight",
}
"""What a tensor's name ends in -> what it is. The longer of two that fit counts."""
LONGEST_FIRST = tuple(sorted(ENDINGS, key=len, reverse=True))


@dataclass(frozen=True)
class FileLayer:
    """name: of the layer, as the file has it. tensors: what each is (a value of `ENDINGS`, or "ia3") -> its name in the file."""

    name: str
    tensors: dict[str, str] = field(default_factory=dict)


def layers(names: Iterable[str]) -> tuple[list[FileLayer], list[str]]:
    """-> the layers in the file's order, and the tensors that belong to none."""
    found: dict[str, FileLayer] = {}
    rest: list[str] = []
    for name in names:
        ending = next((ending for ending in LONGEST_FIRST if name.endswith(ending)), None)
        if ending is None:
            rest.append(name)
            continue
        layer = name[: -len(ending)]
        found.setdefault(layer, FileLayer(layer)).tensors[ENDINGS[ending]] = name
    for name in tuple(rest):  # IA3's factors are simply called weight
        scaled = found.get(name.removesuffix(".weight")) if name.endswith(".weight") else None
        if scaled is not None and "on_input" in scaled.tensors:
            scaled.tensors["ia3"] = name
            rest.remove(name)
    return list(found.values()), rest


class LoraFile:
    """A file whose header was read. stray: tensors that belong to no layer, and such that are no weights. tensors: how many there are.
    Raises BadModelFile for a damaged one."""

    def __init__(self, path: Path, name: str = "") -> None:
        self.name = name or path.name
        self.weights = Weights([path], DTYPES | INTEGERS)
        found = header.read(path)
        numbers = [name for name, entry in found.tensors.items() if entry.dtype in DTYPES or not math.prod(entry.shape) > 1]  # whole numbers are scales at most
        self.layers, self.stray = layers(numbers)
        self.stray += sorted(set(found.tensors) - set(numbers))
        self.tensors = len(found.tensors)
        self._alphas = alphas(found.metadata.get("lora_adapter_metadata", ""))

    def read(self, layer: FileLayer, device: torch.device) -> dict[str, Tensor]:
        """The tensors of a layer by what they are, float32."""
        tensors = self.weights.read(layer.tensors.values())
        parts = {what: tensors[name].to(device, torch.float32) for what, name in layer.tensors.items()}
        alpha = self._alphas.get(layer.name.partition(".")[0], self._alphas.get(""))
        if alpha is not None and "alpha" not in parts:
            parts["alpha"] = torch.tensor(alpha)
        return parts

    def shape(self, layer: FileLayer) -> tuple[int, int] | None:
        """Rows and columns of what it adds; None where only computing it can tell."""
        shapes = {what: self.weights.shapes[name] for what, name in layer.tensors.items()}
        if {"up", "down"} <= set(shapes) and shapes["up"] and shapes["down"]:
            return shapes["up"][0], count(shapes["down"][1:]) * count(shapes["mid"][2:] if "mid" in shapes else ())
        if shapes.get("diff"):
            return shapes["diff"][0], count(shapes["diff"][1:])
        if {"hada_w1_a", "hada_w1_b"} <= set(shapes) and "hada_t1" not in shapes and shapes["hada_w1_a"]:
            return shapes["hada_w1_a"][0], count(shapes["hada_w1_b"][1:])
        return None


def alphas(told: str) -> dict[str, float]:
    """What peft notes in the header in place of a tensor for each layer: by component, "" for all."""
    try:
        table = json.loads(told) if told else {}
    except ValueError:
        return {}
    found = {}
    for key, value in table.items() if isinstance(table, dict) else ():
        component, _, what = str(key).rpartition(".")
        if what == "lora_alpha" and isinstance(value, int | float):
            found[component] = float(value)
    return found


def count(shape: Sequence[int]) -> int:
    return math.prod(shape)
