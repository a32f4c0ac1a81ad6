"""Textual-inversion embeddings (Gal et al. 2022): reads them from a file, finds their names in a text, and puts their vectors before a text encoder.

The encoder's vocabulary is never grown: vectors take the place of the placeholders that `chunks` laid out, for one call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_safetensors
from torch import Tensor, nn

from modules.core.errors import BadModelFile, Unsupported
from modules.prompt.grammar import fragments
from modules.prompt.vocabulary import normalizer, printable, word_splitter

_EDITING = re.compile(r"[\[\]:|]")
SIZE_LIMIT = 64 * 2**20
"""Bytes. The largest embedding that fits a chunk, 75 vectors of 4096 numbers, takes 1.2 MB."""


def load(path: str | Path) -> Tensor:
    """The vectors of a .safetensors file, [n, D] float32: the tensor `emb_params` (A1111), the only one (diffusers), or SDXL's two side by side. Raises BadModelFile."""
    path = Path(path)
    if path.suffix.lower() != ".safetensors":
        raise BadModelFile(
            f"The embedding {path.name} is not a .safetensors file; other kinds can carry programs.", "Convert it to .safetensors with a tool you trust."
        )
    try:
        if path.stat().st_size > SIZE_LIMIT:
            raise BadModelFile(
                f"{path.name} is too large for an embedding ({path.stat().st_size >> 20} MB).", "Is it a LoRA or a checkpoint? Move it to that folder."
            )
        tensors = load_safetensors(path.read_bytes())
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise BadModelFile(f"The embedding {path.name} cannot be read ({error}).", "Copy or download it again.") from error
    sides = [tensors[name] for name in ("clip_l", "clip_g") if name in tensors and tensors[name].ndim == 2]
    if len(sides) == 2 and len(sides[0]) == len(sides[1]):  # SDXL's: its two text encoders' vectors side by side
        tensors = {"emb_params": torch.cat([side.float() for side in sides], 1)}
    vectors = tensors.get("emb_params", next(iter(tensors.values())) if len(tensors) == 1 else None)
    if vectors is None or vectors.ndim not in (1, 2) or not vectors.numel() or not vectors.is_floating_point():
        raise BadModelFile(
            f"{path.name} holds no embedding: it has no tensor emb_params and not just one table of vectors.", "Is it a LoRA? Move it to models/Lora."
        )
    vectors = vectors.float().reshape(-1, vectors.shape[-1])
    if not torch.isfinite(vectors).all():
        raise BadModelFile(f"The embedding {path.name} holds values that are no numbers.", "Its training failed; use another one.")
    return vectors


def names_in(text: str, names: Iterable[str]) -> list[str]:
    """Which of `names` stand in a text, in the order they occur, each once. Upper and lower case are one; where several fit, the longest counts.

    text: a prompt, or better each text of its timeline: a name that editing puts together is not seen in the prompt. A name must begin and end where words do;
    the same words have the same tokens, so `chunks` finds it there too (but for one that a literal `:`, `|` or `]` touches, which is found here only).
    """
    normalize, split = normalizer(), word_splitter()

    def words(part: str) -> list[str]:
        apart = _EDITING.sub(r" \g<0> ", printable(part))
        return [word for word, _ in split.pre_tokenize_str(normalize.normalize_str(apart))]

    known: dict[str, list[tuple[list[str], str]]] = {}
    for name in names:
        if wanted := words(name):
            known.setdefault(wanted[0], []).append((wanted, name))
    for entries in known.values():
        entries.sort(key=lambda entry: -len(entry[0]))
    found: dict[str, None] = {}
    for part, _ in fragments(text) if known else []:
        said = words(part)
        position = 0
        while position < len(said):
            wanted, name = next((entry for entry in known.get(said[position], ()) if said[position : position + len(entry[0])] == entry[0]), ([], ""))
            if wanted:
                found[name] = None
            position += max(len(wanted), 1)
    return list(found)


@contextmanager
def patched(layer: nn.Module, rows: Sequence[Sequence[tuple[int, Tensor]]]) -> Iterator[None]:
    """Inside, `layer` (a token embedding: ids [N, 77] -> [N, 77, D]) gives these vectors at these positions of each of the N rows.

    Neither its weights nor its size change. Raises Unsupported when a vector's width is not D.
    """

    def put(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        output = output.clone()
        for row, places in enumerate(rows):
            for position, vectors in places:
                if vectors.shape[-1] != output.shape[-1]:
                    raise Unsupported(
                        f"An embedding in the prompt has vectors of {vectors.shape[-1]} numbers; this model's text encoder takes {output.shape[-1]}.",
                        "Use one that was made for this kind of model.",
                        "prompt",
                    )
                output[row, position : position + len(vectors)] = vectors.to(output)
        return output

    if not any(rows):
        yield
        return
    hook = layer.register_forward_hook(put)
    try:
        yield
    finally:
        hook.remove()
