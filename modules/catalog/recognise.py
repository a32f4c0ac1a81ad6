"""What a model file is, from names and shapes alone: kind, architecture, variant. No torch; knows no network and opens no file.

A file is recognised by what only its architecture has, never by the number of its tensors: schedule buffers, `position_ids` and averaged weights come
and go. What is not certain is "unknown", with what was seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from modules.catalog import inversions, loras, signs
from modules.catalog.additions import ADDITIONS
from modules.catalog.autoencoders import AUTOENCODERS, hinted
from modules.catalog.card import Kind
from modules.catalog.encoders import ENCODERS
from modules.catalog.header import Header
from modules.catalog.marks import Mark, first
from modules.catalog.sight import Sight
from modules.catalog.transformers import TRANSFORMERS
from modules.catalog.unets import unet

BUNDLES = ("model.diffusion_model.", "diffusion_model.")
"""Where a checkpoint in one file keeps what denoises."""

WRAPPERS = (
    "module.",
    "model.",
    "net.",
    "netG.",
    "unet.",
    "transformer.",
    "vae.",
    "first_stage_model.",
    "text_encoder.",
    "control_model.",
    "adapter.",
    "model_ema.",
)
"""What programs put before every name of one network."""

CONTROL = "^control_model."
TEXTS = ("^cond_stage_model.", "^conditioner.embedders.", "^text_encoders.", "^embedder.model.")
VAES = ("^first_stage_model.", "^vae.")
PARTS = ("cond_stage_model.", "embedders.", "text_encoders.", "first_stage_model.", "diffusion_model.", "alphas_cumprod")
ROOTS = ("model_ema.", "first_stage_model.", "cond_stage_model.", "conditioner.", "vae.", "text_encoders.", "embedder.", "denoiser.", "depth_model.") + (
    "noise_augmentor.",
    "low_scale_model.",
    "edm_",
    "scaled_fp8",
)
"""Names in checkpoints of one file."""

WITH_LORA = ("ip_adapter.", "id_encoder.", "lora_controlnet")
"""Adapters that come with a LoRA of their own."""

STRAY = 0.02
"""Share of a checkpoint's tensors that may have other names."""

VELOCITY, EDM = "^v_pred$", ("^edm_mean$", "^edm_vpred.sigma_max$")
"""Marker tensors of checkpoints."""


class Seen(NamedTuple):
    """missing: of a checkpoint, which of text encoder and VAE are not in the file. seen: for what is unknown, what was seen, in words."""

    kind: Kind = "unknown"
    architecture: str = ""
    variant: str = ""
    missing: tuple[str, ...] = ()
    seen: str = ""


def recognise(found: Header, stem: str = "") -> Seen:
    """stem: of the file's name, by which two architectures with one header may be told apart."""
    whole = Sight(found.tensors)
    for view in _views(whole):
        if seen := _file(view, found, stem):
            return seen
    return Seen(seen=_first_names(whole))


def _file(view: Sight, found: Header, stem: str) -> Seen | None:
    if view.has(CONTROL):
        return _alone(view.under("control_model."), stem) or Seen(seen="a part named control_model that is no ControlNet")
    if made := loras.difference(view, found.metadata):
        return (_addition(view) if view.any(*WITH_LORA) else None) or Seen(made.kind, made.word, made.variant)
    if word := inversions.architecture(view):
        return Seen("embedding", "" if word == "?" else word)
    for prefix in BUNDLES:
        if view.has(f"^{prefix}"):
            return _bundle(view, prefix)
    if view.any(*PARTS):  # a piece of a checkpoint, unless it is one network alone: then the next view is without the prefix
        return None
    return _alone(view, stem)


def _addition(view: Sight) -> Seen | None:
    row = first(ADDITIONS, view)
    if row is None:
        return None
    return Seen(row.kind or "unknown", row.word, row.variant, seen=row.variant or row.word if row.kind == "unknown" else "")


def _alone(view: Sight, stem: str) -> Seen | None:
    """One network under its own names."""
    if added := _addition(view):
        return added
    found = unet(view)
    if found is None and (row := first(TRANSFORMERS, view)):
        return _transformer(row, view)
    if found:
        return Seen("unet" if found.word else "unknown", found.word, found.variant, ("text encoder", "VAE"), found.seen)
    if row := first((*AUTOENCODERS, *ENCODERS), view):
        return Seen(row.kind or "unknown", hinted(row.word, stem), row.variant)
    network = signs.recognised(Header(view.tensors))
    if network.architecture:
        return Seen("face restorer" if network.face else "upscaler", signs.word(network.architecture))
    return None


def _transformer(row: Mark, view: Sight) -> Seen:
    if not row.word:
        return Seen(seen=f"a transformer packed for {row.variant}")
    return Seen("transformer", row.word, row.variant, ("text encoder", "VAE"))


def _bundle(whole: Sight, prefix: str) -> Seen:
    inner = whole.under(prefix)
    parts = {"text encoder": whole.any(*TEXTS), "VAE": whole.any(*VAES)}
    missing = tuple(part for part, there in parts.items() if not there)
    foreign = [name for name in whole.tensors if "." in name and not name.startswith((prefix, *ROOTS))]
    if len(foreign) > STRAY * len(whole.tensors):
        return Seen(seen=f"a checkpoint with {len(foreign)} tensors that belong to none, such as {foreign[0][:60]}")
    alone = len(missing) == len(parts)
    found = unet(inner, whole)
    if found is None and (row := first(TRANSFORMERS, inner)):
        return Seen("transformer" if alone and row.word else "checkpoint" if row.word else "unknown", row.word, row.variant, missing)
    if found is None:
        return (_file(inner, Header(inner.tensors), "") if alone else None) or Seen(seen=_first_names(inner))
    if not found.word:
        return Seen(seen=found.seen)
    word, variant = _marked(whole, found.word, found.variant)
    return Seen("unet" if alone else "checkpoint", word, variant, missing)


def _marked(whole: Sight, word: str, variant: str) -> tuple[str, str]:
    """With what marker tensors say of the prediction."""
    if variant:
        return word, variant
    if whole.any(*EDM):
        return f"{word}-edm", "edm"
    return (f"{word}-vpred", "vpred") if whole.has(VELOCITY) else (word, variant)


def _views(whole: Sight) -> Iterator[Sight]:
    """As it is, then without what stands before all of its names, or almost all: markers stand outside."""
    yield whole
    for _ in range(3):
        prefix = next((wrapper for wrapper in WRAPPERS if whole.text.count(f"\n{wrapper}") > 0.95 * len(whole.tensors)), "")
        if not prefix:
            return
        whole = whole.under(prefix)
        yield whole


def _first_names(view: Sight) -> str:
    names = [name[:60] for name in list(view.tensors)[:3]]
    return f"{len(view.tensors)} tensors, the first of them {', '.join(names)}" if names else "no tensors"
