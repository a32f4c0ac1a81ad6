"""A card -> the networks of a flow-matching transformer with CLIP and T5 texts (Stable Diffusion 3, FLUX), offline. Folders and single files take the same
way into memory. Knows no prompt and no sampler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from modules.catalog import folder
from modules.catalog.card import Card
from modules.catalog.scan import CLIP_VOCABULARY
from modules.core.errors import BadModelFile
from modules.networks import build, t5
from modules.networks.sources import Source
from modules.networks.weights import Weights
from modules.prompt.t5 import T5Vocabulary
from modules.prompt.vocabulary import Vocabulary

T5_VOCABULARY = Path(__file__).parent / "configs" / "t5" / "tokenizer.json.gz"


@dataclass(frozen=True)
class Layout:
    """What a family's parts are called. transformer: makes it of its config. clips: folder names of CLIP text encoders; t5: of T5's."""

    transformer: Callable[[Mapping[str, Any]], Any]
    clips: tuple[str, ...]
    t5: str
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Precisions:
    network: torch.dtype
    vae: torch.dtype

    @property
    def t5(self) -> torch.dtype:
        """T5 overflows in fp16."""
        return torch.bfloat16 if self.network is torch.float16 else self.network


@dataclass(frozen=True)
class JointParts:
    """networks: by the folder names of their parts; a part that may be missing is. scheduler: the folder's config of it, {} of a single file."""

    networks: dict[str, Any]
    scheduler: Mapping[str, Any]


def load_folder(card: Card, layout: Layout, precisions: Precisions) -> JointParts:
    """Raises BadModelFile for a damaged folder, with the reason."""
    try:
        return _from_folder(card.path, layout, precisions)
    except BadModelFile as error:
        raise BadModelFile(f"{card.path.name} cannot be loaded. {error.what}", error.remedy, "model") from None


def _from_folder(path: Path, layout: Layout, precisions: Precisions) -> JointParts:
    transformer = build.fill(layout.transformer(folder.config(path, "transformer")), weights_of(path, "transformer"), str, precisions.network, "transformer")
    vae = build.fill(build.vae(folder.config(path, "vae")), weights_of(path, "vae"), str, precisions.vae, "VAE")
    networks: dict[str, Any] = {"transformer": transformer, "vae": vae}
    for number, part in enumerate(layout.clips):
        source = weights_of(path, part)
        config = folder.config(path, part)
        make = build.projecting_text_encoder if "text_projection.weight" in source.shapes else build.text_encoder
        networks[part] = build.fill(make(config), source, clip_name(source), precisions.network, "text encoder")
        tokens = path / ("tokenizer" if not number else f"tokenizer_{number + 1}")
        networks["vocabulary" if not number else f"vocabulary_{number + 1}"] = Vocabulary.from_folder(tokens if tokens.is_dir() else CLIP_VOCABULARY)
    if not (layout.t5 in layout.optional and not (path / layout.t5).is_dir()):
        source = weights_of(path, layout.t5)
        encoder = build.t5(folder.config(path, layout.t5))
        networks[layout.t5] = build.fill(encoder, source, lambda name: t5.name_in(source, name), precisions.t5, "T5 text encoder")
        networks["t5_vocabulary"] = t5_vocabulary(path / layout.t5.replace("text_encoder", "tokenizer"), encoder)
    return JointParts(networks, folder.config(path, "scheduler"))


def weights_of(path: Path, part: str) -> Source:
    return Weights(folder.weight_files(path, part))


def clip_name(source: Source) -> Callable[[str], str]:
    """transformers dropped `text_model.` from its own names in 5.6; files have either."""

    def name_in_file(name: str) -> str:
        plain = name.removeprefix("text_model.")
        return plain if plain in source.shapes else f"text_model.{plain}"

    return name_in_file


def t5_vocabulary(place: Path, encoder: Any) -> T5Vocabulary:
    """The folder's own, or the bundled one. Raises BadModelFile for one that knows more words than the encoder."""
    own = place / "tokenizer.json"
    vocabulary = T5Vocabulary.from_file(own if own.is_file() else T5_VOCABULARY)
    if len(vocabulary) > encoder.config.vocab_size:
        what = f"The T5 text encoder knows {encoder.config.vocab_size} tokens, its vocabulary {len(vocabulary)}."
        raise BadModelFile(what, "Download the model again.")
    return vocabulary
