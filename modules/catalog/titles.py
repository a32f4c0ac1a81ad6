"""What a kind of file and an architecture are called in a sentence, and where a file of that kind belongs."""

from __future__ import annotations

from collections.abc import Mapping

from modules.catalog.card import Kind

KINDS: Mapping[Kind, str] = {
    "checkpoint": "model",
    "transformer": "model",
    "unet": "UNet",
    "lora": "LoRA",
    "locon": "LoRA (LoCon)",
    "loha": "LoRA (LoHa)",
    "lokr": "LoRA (LoKr)",
    "dora": "LoRA (DoRA)",
    "oft": "LoRA (OFT)",
    "glora": "LoRA (GLoRA)",
    "full": "LoRA (full difference)",
    "ia3": "LoRA (IA3)",
    "lora-lcm": "LoRA for few steps (LCM)",
    "controlnet": "ControlNet",
    "controlnet-union": "ControlNet of several kinds (union)",
    "controlnet-lllite": "ControlNet (LLLite)",
    "control-lora": "control LoRA",
    "t2i-adapter": "T2I-Adapter",
    "ip-adapter": "IP-Adapter",
    "clip-vision": "image encoder",
    "text-encoder": "text encoder alone",
    "vae": "VAE alone",
    "vae-approx": "preview decoder (TAESD)",
    "embedding": "textual inversion embedding",
    "upscaler": "upscaler",
    "face restorer": "face restorer",
    "hypernetwork": "hypernetwork",
    "annotator": "network for control maps",
    "motion-module": "motion module (AnimateDiff)",
}

PLACES: Mapping[Kind, str] = {
    **dict.fromkeys(("checkpoint", "transformer", "unet"), "Stable-diffusion"),
    **dict.fromkeys(("lora", "locon", "loha", "lokr", "dora", "oft", "glora", "full", "ia3", "lora-lcm"), "Lora"),
    **dict.fromkeys(("controlnet", "controlnet-union", "controlnet-lllite", "control-lora", "t2i-adapter", "ip-adapter"), "ControlNet"),
    "clip-vision": "clip_vision",
    "text-encoder": "text_encoder",
    "vae": "VAE",
    "vae-approx": "VAE-approx",
    "embedding": "embeddings",
    "upscaler": "ESRGAN",
    "face restorer": "GFPGAN",
    "hypernetwork": "hypernetworks",
    "annotator": "annotators",
}
"""A1111's and Forge's folder for it under models/."""

ARCHITECTURES = (
    ("sdxl-refiner", "SDXL refiner"),
    ("sdxl", "SDXL"),
    ("sd35", "Stable Diffusion 3.5"),
    ("svd", "Stable Video Diffusion"),
    ("sd3", "Stable Diffusion 3"),
    ("sd-x4-upscaler", "Stable Diffusion x4 upscaling"),
    ("sd2", "Stable Diffusion 2.x"),
    ("sd1", "Stable Diffusion 1.x"),
    ("flux2", "FLUX.2"),
    ("flux", "FLUX"),
    ("qwen-image", "Qwen-Image"),
    ("z-image", "Z-Image"),
    ("auraflow", "AuraFlow"),
    ("clip-vision-h", "CLIP Vision H"),
    ("clip-vision-g", "CLIP Vision G"),
    ("clip-vision-l", "CLIP Vision L"),
    ("clip-l", "CLIP-L"),
    ("clip-h", "CLIP-H"),
    ("clip-g", "CLIP-G"),
    ("t5-xxl", "T5-XXL"),
)
"""How an architecture's word begins -> what people call it."""


def title(architecture: str, kind: Kind = "checkpoint") -> str:
    """ "SDXL model", "FLUX LoRA", "Stable Diffusion 1.x inpainting model"; of a file that may belong to two, both."""
    return " ".join(part for part in (called(architecture), KINDS.get(kind, "file")) if part)


def called(architecture: str) -> str:
    """An architecture alone: "SDXL", "Z-Image", "clip-l"; "" for none."""
    return " or ".join(map(_spoken, architecture.split("/"))) if architecture else ""


def _spoken(word: str) -> str:
    start, name = next(((start, name) for start, name in ARCHITECTURES if word.startswith(start)), ("", word))
    rest = word.removeprefix(start).strip("-") if start else ""
    return f"{name} {rest}" if rest else name


def article(noun: str) -> str:
    """Before a letter that is spoken with a vowel at its beginning: an SDXL model, a VAE."""
    spoken = noun[:2]
    vowel = noun[:1].upper() in "AEIO" or spoken in ("SD", "LC", "LT") or noun.startswith("x4")
    return f"{'an' if vowel else 'a'} {noun}"
