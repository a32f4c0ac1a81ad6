"""An installation of A1111 as it lies on a disk: its files in their formats, with values that somebody chose."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CONFIG: dict[str, Any] = {
    "samples_format": "jpeg",
    "samples_filename_pattern": "[seed]-[prompt_words]",
    "outdir_txt2img_samples": "D:\\pictures\\txt2img",
    "outdir_img2img_samples": "outputs/img2img-images",
    "save_txt": True,
    "jpeg_quality": 80,
    "live_preview_refresh_period": 500.0,
    "quicksettings_list": ["sd_model_checkpoint", "sd_vae", "CLIP_stop_at_last_layers", "an extension's"],
    "sd_model_checkpoint": "anime/known.safetensors [0123456789]",
    "sd_vae": "film.vae.safetensors",
    "sd_hypernetwork": "None",
    "CLIP_stop_at_last_layers": 2,
    "eta_noise_seed_delta": 31337,
    "randn_source": "GPU",
    "img2img_color_correction": True,
    "emphasis": "Loud",
    "an_extensions_setting": {"deep": [1, 2]},
    "localization": "xx_XX",
}
FORMS: dict[str, Any] = {
    "txt2img/Prompt/value": "",
    "txt2img/Prompt/visible": True,
    "customscript/sampler.py/txt2img/Sampling method/value": "Euler a",
    "customscript/sampler.py/txt2img/Sampling steps/value": 28,
    "customscript/sampler.py/txt2img/Sampling steps/maximum": 150,
    "txt2img/Width/value": 512,
    "txt2img/Height/value": 768,
    "txt2img/Denoising strength/value": 0.45,
    "txt2img/Hires sampling method/value": "Use same sampler",
    "txt2img/CFG Scale/value": "seven",
    "img2img/Denoising strength/value": 0.6,
    "img2img/Mask blur/value": 8,
    "img2img/Masked content/value": "latent noise",
    "extras/Resize/value": 4,
}
LANGUAGES = {"localizations/xx_XX": {"Seed": "Samen"}, "extensions/a-language/localizations/yy": {"Seed": "Kiem"}, "localizations/de_DE": {"Seed": "Saat"}}
STYLES = 'name,prompt,negative_prompt\nFilm,"{prompt}, film grain",\nNoir,noir,colour\nMine,theirs,\n'


def installation(root: Path) -> Path:
    (root / "models" / "Stable-diffusion" / "anime").mkdir(parents=True)
    (root / "models" / "Stable-diffusion" / "anime" / "known.safetensors").write_bytes(b"weights")
    for name in ("models/Lora", "models/text_encoder", "models/hypernetworks", "extensions/sd-webui-controlnet/models"):
        (root / name).mkdir(parents=True)
    (root / "models" / "VAE").mkdir()
    (root / "models" / "VAE" / "film.vae.safetensors").write_bytes(b"weights")
    (root / "embeddings").mkdir()
    (root / "config.json").write_text(json.dumps(CONFIG), "utf-8")
    (root / "ui-config.json").write_text(json.dumps(FORMS), "utf-8")
    (root / "styles.csv").write_text(STYLES, "utf-8")
    for name, texts in LANGUAGES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / f"{name}.json").write_text(json.dumps(texts), "utf-8")
    (root / "localizations" / "broken.json").write_text("[1]", "utf-8")
    return root


def print_of(root: Path) -> dict[str, str]:
    """Every file and folder with its content: what must not change."""
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "" for path in sorted(root.rglob("*"))}
