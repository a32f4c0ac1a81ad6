"""Which family a checkpoint belongs to, from names and shapes alone. No torch; knows no network.

A file is recognised by what only its architecture has, never by the number of its tensors: schedule buffers, `position_ids` and averaged weights
come and go. Sources: the reference implementations' own names (Rombach et al. 2022 and its successors, diffusers, kohya, LyCORIS).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from modules.catalog import folder as folders
from modules.catalog.header import Header
from modules.catalog.notes import at, read_json, read_yaml
from modules.core.errors import BadModelFile

UNET = "model.diffusion_model."
SUPPORTED = "So far only Stable Diffusion 1.x text-to-image checkpoints can be used."


class Recognised(NamedTuple):
    """family: a record's name, "" when it is none. prediction: "eps", "v" or "x0". trouble: why it cannot be used, in words; "" when it can.
    checkpoint: whether it is meant to draw by itself (an SDXL file is, a LoRA is not)."""

    family: str
    prediction: str = ""
    trouble: str = ""
    checkpoint: bool = True


class Mark(NamedTuple):
    """A kind of file, told by `parts` of its tensors' names; ^ and $ stand for the name's start and end."""

    what: str
    parts: tuple[str, ...]
    place: str = ""

    def fits(self, names: Iterable[str]) -> bool:
        return any(part in f"^{name}$" for name in names for part in self.parts)


CHECKPOINT = Mark("a checkpoint", (), "Stable-diffusion")
UPSCALER = Mark("an upscaler", ("conv_first.", "^model.1.sub."), "ESRGAN")
ADDITIONS = (
    Mark(
        "a LoRA",
        ("lora_down.", "lora_up.", ".lora_A.", ".lora_B.", ".lora.down.", "hada_w1", "lokr_w", "oft_blocks", "dora_scale", "^lora_unet_", "^lora_te"),
        "Lora",
    ),
    Mark("a ControlNet", ("^control_model.", "controlnet_", "input_hint_block.", "^lllite_"), "ControlNet"),
    Mark("an IP-Adapter", ("^ip_adapter.",), "ControlNet"),
    Mark("a T2I-Adapter", ("body.0.block1.", "body.0.resnets."), "ControlNet"),
    Mark("a textual inversion embedding", ("^emb_params$", "^clip_l$", "^clip_g$"), "embeddings"),
    UPSCALER,
    Mark("an image encoder", ("vision_model.",)),
)
"""What is added to a checkpoint and draws nothing alone. place: A1111's folder for it under models/."""

LATER = (
    Mark("a FLUX.2 model", ("double_stream_modulation_img.",)),
    Mark("a FLUX model", ("double_blocks.", "single_transformer_blocks.")),
    Mark("a Stable Diffusion 3 model", ("joint_blocks.", "context_embedder.")),
    Mark("a Qwen-Image model", ("txt_norm.",)),
    Mark("a Z-Image or Lumina model", ("cap_embedder.",)),
    Mark("an AuraFlow model", ("double_layers.", "cond_seq_linear.")),
)
"""Families of denoising transformers."""

LONE = (
    Mark("a UNet alone in diffusers' layout", ("^down_blocks.0.resnets.", "^mid_block.attentions.")),
    Mark("a text encoder alone", ("text_model.", "embed_tokens.", "SelfAttention.")),
    Mark("a VAE alone", ("decoder.conv_in.", "decoder.layers.", "quant_conv.", "encoder.middle."), "VAE"),
    Mark("a preview decoder (TAESD)", ("^0.weight$", "^1.weight$"), "VAE-approx"),
)
"""Single parts of a checkpoint."""

CHANNELS = {9: "an inpainting model", 8: "an instruct-pix2pix model", 5: "a depth-to-image model", 7: "an x4 upscaling model"}
"""Input channels of the UNet -> what the model is for; 4 is plain text to image."""

LABELS = {2816: "an SDXL model", 2560: "an SDXL refiner"}
"""Width of the UNet's extra embedding -> what the model is."""


def family_of(source: Header | Path, config: Path | None = None) -> Recognised:
    """source: the header of a single file, or a diffusers folder. config: the yaml beside a single file. Raises BadModelFile for a damaged folder or yaml."""
    return _of_folder(source) if isinstance(source, Path) else _of_file(source, config)


def _of_file(found: Header, config: Path | None) -> Recognised:
    names = found.tensors
    if f"{UNET}input_blocks.0.0.weight" not in names:
        return _foreign(names)
    what = _ldm_kind(found)
    if what:
        return Recognised("", trouble=f"This is {what}. {SUPPORTED}")
    missing = [part for part, prefix in (("text encoder", "cond_stage_model.transformer."), ("VAE", "first_stage_model.")) if not _starts(names, prefix)]
    if missing:
        return Recognised("", trouble=f"This is a Stable Diffusion 1.x UNet without {' and '.join(missing)}; a whole checkpoint is needed.")
    told = at(read_yaml(config), "model", "params", "parameterization") if config else None
    return Recognised("sd1", _prediction(found, told))


def _ldm_kind(found: Header) -> str:
    """What a checkpoint with an LDM UNet is; "" for Stable Diffusion 1.x with four input channels, or nine (inpainting)."""
    label = found.shape(f"{UNET}label_emb.0.0.weight")
    if label or _starts(found.tensors, "conditioner.embedders."):
        return LABELS.get(label[1] if len(label) == 2 else 0, "an SDXL or unCLIP model")
    second = _starts(found.tensors, "cond_stage_model.model.") or _context_width(found) == 1024
    first_shape = found.shape(f"{UNET}input_blocks.0.0.weight")
    channels = first_shape[1] if len(first_shape) == 4 else 0
    version = "Stable Diffusion 2.x" if second else "Stable Diffusion 1.x"
    if channels != 4 and not (channels == 9 and not second):
        return f"{CHANNELS.get(channels, f'a model with {channels} input channels')} ({version})"
    return f"a {version} model" if second else ""


def _context_width(found: Header) -> int:
    shape = next((entry.shape for name, entry in found.tensors.items() if name.endswith("attn2.to_k.weight")), ())
    return shape[1] if len(shape) == 2 else 0


def _foreign(names: Mapping[str, Any]) -> Recognised:
    """What a file without an LDM UNet is."""
    for mark in ADDITIONS:
        if mark.fits(names):
            return _not_alone(mark)
    for mark in LATER:
        if mark.fits(names):
            return Recognised("", trouble=f"This is {mark.what}. {SUPPORTED}")
    for mark in LONE:
        if mark.fits(names):
            return _not_alone(mark)
    return Recognised("", trouble=f"This is no model that Easel knows. {SUPPORTED}", checkpoint=False)


def kind_of(found: Header) -> Mark | None:
    """What a file is that was expected to be something else (an upscaler, say); None when nothing tells."""
    if f"{UNET}input_blocks.0.0.weight" in found.tensors:
        return CHECKPOINT
    known = (*(mark for mark in ADDITIONS if mark is not UPSCALER), *LATER)
    return next((mark for mark in known if mark.fits(found.tensors)), None)


def _not_alone(mark: Mark) -> Recognised:
    place = f" Its place is models/{mark.place}." if mark.place else ""
    return Recognised("", trouble=f"This is {mark.what}, not a whole checkpoint.{place}", checkpoint=False)


def _prediction(found: Header, told: Any) -> str:
    """told: `parameterization` of a yaml. Marker tensors and modelspec metadata are what trainers write without one."""
    if isinstance(told, str) and told in ("eps", "v", "x0"):
        return told
    spec = found.metadata.get("modelspec.prediction_type", "")
    if spec in ("sample", "x0"):
        return "x0"
    return "v" if "v_pred" in found.tensors or spec.startswith("v") else "eps"


def _of_folder(path: Path) -> Recognised:
    kind = str(read_json(path / folders.INDEX).get("_class_name", ""))
    if not kind.startswith("StableDiffusion") or kind.startswith(("StableDiffusionXL", "StableDiffusion3")):
        return Recognised("", trouble=f"This is a {kind[:60] or 'nameless'} folder. {SUPPORTED}")
    unet = folders.config(path, "unet")
    channels, width = unet.get("in_channels"), unet.get("cross_attention_dim")
    if width == 1024 or unet.get("addition_embed_type") or unet.get("class_embed_type"):
        return Recognised("", trouble=f"This is a Stable Diffusion 2.x or another later model. {SUPPORTED}")
    if channels not in (4, 9):
        what = CHANNELS.get(channels, "a model with other input channels") if isinstance(channels, int) else "a model without a number of input channels"
        return Recognised("", trouble=f"This is {what}. {SUPPORTED}")
    told = folders.config(path, "scheduler").get("prediction_type", "epsilon")
    prediction = {"epsilon": "eps", "v_prediction": "v", "sample": "x0"}.get(told if isinstance(told, str) else "")
    if prediction is None:
        raise BadModelFile(f"{path.name} names the unknown prediction type {str(told)[:40]!r}.", "Correct its scheduler/scheduler_config.json.")
    for part in folders.PARTS:
        folders.headers(path, part)
    return Recognised("sd1", prediction)


def _starts(names: Iterable[str], prefix: str) -> bool:
    return any(name.startswith(prefix) for name in names)
