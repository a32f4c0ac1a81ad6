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
from modules.core.request import Storage
from modules.networks import build, ldm_names, ldm_sizes, t5
from modules.networks.build import Keep
from modules.networks.keeping import as_in_file, keeping
from modules.networks.quantised import opened
from modules.networks.sources import Named, Piece, Pieces, Shape, Source, under
from modules.networks.weights import Weights
from modules.prompt.t5 import T5Vocabulary
from modules.prompt.vocabulary import Vocabulary

BODY = "model.diffusion_model."
"""Where a bundle keeps its transformer."""
CLIP_G_PAD = 0
"""CLIP-G's texts are filled up with exclamation marks."""
T5_VOCABULARY = Path(__file__).parent / "configs" / "t5" / "tokenizer.json.gz"


@dataclass(frozen=True)
class Layout:
    """What a family's parts are called. transformer: makes it of its config. clips: folder names of CLIP text encoders; t5: of T5's. projected: whether CLIP's
    pooled text goes through a projection. read: of a single file, the transformer's config and where its tensors lie. vae: what its config cannot be read off.
    scheduler: of a single file, by the transformer's config."""

    transformer: Callable[[Mapping[str, Any]], Any]
    clips: tuple[str, ...]
    t5: str
    read: Callable[[Mapping[str, Shape]], tuple[dict[str, Any], Callable[[str], Piece]]]
    vae: Mapping[str, float]
    scheduler: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    projected: bool = False
    optional: tuple[str, ...] = ()


@dataclass(frozen=True)
class Precisions:
    """text: of the text encoders. storage: how what draws keeps its weights."""

    network: torch.dtype
    vae: torch.dtype
    text: torch.dtype
    storage: Storage = "full"

    @property
    def t5(self) -> torch.dtype:
        """T5 overflows in fp16."""
        return torch.bfloat16 if self.text is torch.float16 else self.text

    @property
    def keep(self) -> Keep | None:
        return keeping(self.storage)


@dataclass(frozen=True)
class JointParts:
    """networks: by the folder names of their parts; a part that may be missing is. scheduler: the folder's config of it, {} of a single file."""

    networks: dict[str, Any]
    scheduler: Mapping[str, Any]


def load(card: Card, layout: Layout, precisions: Precisions) -> JointParts:
    """Raises BadModelFile for a damaged folder or file, with the reason."""
    try:
        return _from_folder(card.path, layout, precisions) if card.path.is_dir() else _from_file(card, layout, precisions)
    except BadModelFile as error:
        raise BadModelFile(f"{card.path.name} cannot be loaded. {error.what}", error.remedy, "model") from None


def _from_folder(path: Path, layout: Layout, precisions: Precisions) -> JointParts:
    transformer = layout.transformer(folder.config(path, "transformer"))
    build.fill(transformer, weights_of(path, "transformer"), str, precisions.network, "transformer", precisions.keep)
    vae = build.fill(build.vae(folder.config(path, "vae")), weights_of(path, "vae"), str, precisions.vae, "VAE")
    networks: dict[str, Any] = {"transformer": transformer, "vae": vae}
    for number, part in enumerate(layout.clips):
        source = weights_of(path, part)
        config = folder.config(path, part)
        make = build.projecting_text_encoder if "text_projection.weight" in source.shapes else build.text_encoder
        networks[part] = build.fill(make(config), source, clip_name(source), precisions.text, "text encoder")
        tokens = path / ("tokenizer" if not number else f"tokenizer_{number + 1}")
        networks["vocabulary" if not number else f"vocabulary_{number + 1}"] = Vocabulary.from_folder(tokens if tokens.is_dir() else CLIP_VOCABULARY)
    if not (layout.t5 in layout.optional and not (path / layout.t5).is_dir()):
        source = weights_of(path, layout.t5)
        encoder = build.t5(folder.config(path, layout.t5))
        networks[layout.t5] = build.fill(encoder, source, lambda name: t5.name_in(source, name), precisions.t5, "T5 text encoder")
        networks["t5_vocabulary"] = t5_vocabulary(path / layout.t5.replace("text_encoder", "tokenizer"), encoder)
    return JointParts(networks, folder.config(path, "scheduler"))


def _from_file(card: Card, layout: Layout, precisions: Precisions) -> JointParts:
    whole = opened(card.path)
    body = under(whole, BODY) if any(name.startswith(BODY) for name in whole.shapes) else whole
    config, piece = layout.read(body.shapes)
    transformer = layout.transformer(config)
    pieces = Pieces(body, {name: piece(name) for name in transformer.state_dict()})
    networks: dict[str, Any] = {"transformer": build.fill(transformer, pieces, str, precisions.network, "transformer", precisions.keep)}
    networks["vae"] = _single_vae(_part(whole, card, "vae", ("first_stage_model.", "vae.")), layout, precisions.vae)
    for number, (part, inside) in enumerate(zip(layout.clips, ("clip_l", "clip_g"), strict=False)):
        source = _part(whole, card, inside.replace("_", "-"), (f"text_encoders.{inside}.transformer.", f"text_encoders.{inside}."))
        networks[part] = _single_clip(source, layout.projected, bool(number), precisions.text)
        vocabulary = Vocabulary.from_folder(CLIP_VOCABULARY)
        if number:
            vocabulary.pad = CLIP_G_PAD
        networks["vocabulary" if not number else f"vocabulary_{number + 1}"] = vocabulary
    source = _part(whole, card, "t5", ("text_encoders.t5xxl.transformer.", "text_encoders.t5xxl."), layout.t5 in layout.optional)
    if source.shapes:
        source = t5.as_transformers(source)
        encoder = build.t5(t5.config(source))
        networks[layout.t5] = build.fill(encoder, source, lambda name: t5.name_in(source, name), precisions.t5, "T5 text encoder", as_in_file)
        networks["t5_vocabulary"] = t5_vocabulary(card.path, encoder)
    return JointParts(networks, layout.scheduler(config))


def _part(whole: Source, card: Card, role: str, prefixes: tuple[str, ...], optional: bool = False) -> Source:
    """From within the bundle, else from the file that plays this role beside it. Empty where an optional one is neither. Raises BadModelFile."""
    for prefix in prefixes:
        if (inside := under(whole, prefix)).shapes:
            return inside
    if role in card.companions:
        return opened(card.companions[role].path)
    if optional:
        return Named(whole, {})
    raise BadModelFile(f"It holds no {role}, and no file beside it was named.", "Put the text encoders and the VAE into their folders.")


def _single_vae(source: Source, layout: Layout, dtype: torch.dtype) -> Any:
    """source: under LDM's names without a prefix."""
    ldm = under(source, "", ldm_names.VAE)
    config = ldm_sizes.vae(ldm.shapes, {}) | dict(layout.vae)
    config |= {
        "use_quant_conv": f"{ldm_names.VAE}quant_conv.weight" in ldm.shapes,
        "use_post_quant_conv": f"{ldm_names.VAE}post_quant_conv.weight" in ldm.shapes,
    }
    levels = len(config["block_out_channels"])
    return build.fill(build.vae(config), ldm, lambda name: ldm_names.vae(name, levels), dtype, "VAE")


def _single_clip(source: Source, projected: bool, large: bool, dtype: torch.dtype) -> Any:
    """large: CLIP-G, whose activation is another one."""
    prefix = "text_model." if "text_model.embeddings.token_embedding.weight" in source.shapes else ""
    config = ldm_sizes.text_encoder(source.shapes, prefix, *(("text_encoder_2", "sdxl") if large else ()))
    if not projected:
        return build.fill(build.text_encoder(config), source, clip_name(source), dtype, "text encoder", as_in_file)
    if "text_projection.weight" not in source.shapes:
        raise BadModelFile("The text encoder lacks the tensor text_projection.weight.", "Take the text encoder that was published with Stable Diffusion 3.")
    config["projection_dim"] = source.shapes["text_projection.weight"][0]
    return build.fill(build.projecting_text_encoder(config), source, clip_name(source), dtype, "text encoder", as_in_file)


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
