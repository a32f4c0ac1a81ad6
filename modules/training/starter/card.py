"""The card of a finished model: what it draws and does not, what it was made of and under which licence, how it was measured. Text only; no torch."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from modules.training.starter.package import MIT, Package
from modules.training.starter.presets import Preset
from modules.training.starter.scenes import COLOURS, LANDSCAPES, PLACES, STYLES

OURS = f"""The weights in this folder are part of Easel and under the MIT License below.

They were trained on scenes composed of cut-outs of Microsoft's Fluent Emoji (3D), which are under the MIT License too; its notice comes second.

------------------------------------------------------------------------

MIT License

Copyright (c) the Easel contributors

{MIT}
------------------------------------------------------------------------

"""


BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"


def with_table(card: str, measured: str) -> str:
    """The card with another table; as it was where there is no place for one."""
    before, begin, rest = card.partition(BEGIN)
    _, end, after = rest.partition(END)
    return f"{before}{begin}\n{measured}\n{end}{after}" if end else card


def licence(of_the_data: str) -> str:
    return (
        OURS + of_the_data if "Fluent Emoji" in of_the_data else of_the_data or "The licence of the pictures that these weights were trained on is not known.\n"
    )


def card(preset: Preset, package: Package, size: int, numbers: Mapping[str, int], measured: str, story: str, pictured: bool) -> str:
    """size: bytes of the folder. numbers: of each network. measured: a table, "" for none. story: what it was computed on. pictured: whether samples.png lies beside."""
    names = ", ".join(one.name for one in package.cutouts)
    counts = ", ".join(f"{what} {count / 1e6:.1f} M" for what, count in numbers.items())
    places = ", ".join(phrase for phrase, _, _ in PLACES.values())
    shown = "![Some of its pictures](samples.png)\n\n" if pictured else ""
    text = f"""# Easel starter

A small but genuine latent diffusion model in the layout of Stable Diffusion 1.x (a diffusers folder in fp16, {size / 1e6:.0f} MB): {counts}. v-prediction,
Stable Diffusion's betas, a tokenizer whose tokens are CLIP's, 32 norm groups everywhere, native size {preset.side} x {preset.side}.

{shown}**Draws** ({len(package.cutouts)} objects): {names}.

**On** {", ".join(COLOURS)} backgrounds, gradients of two of these ("on a red to yellow gradient"), and {", ".join(LANDSCAPES.values())}.

**Understands** small and large; {places}; "a car to the left of a rocket", "to the right of", "above", "below", "a panda and a pizza"; "two stars", "three stars";
{", ".join(STYLES)}.

**Does not** know any other word, several kinds of things at once beyond two, people, or scenes that are not in this list. Away from its native size it repeats its subject.

**Good settings** (in `easel.json`): {preset.side} x {preset.side}, DPM++ 2M, Karras, 20 steps, CFG 5.

{BEGIN}
{measured or "It has not been measured yet: `python benchmarks/starter.py --model FOLDER --write`."}
{END}

**Data and licence.** See `LICENSE`. Scenes were composed from {len(package.cutouts)} cut-outs (data package {package.sha256[:16]}); of the package that comes with Easel those are
Microsoft's Fluent Emoji 3D under the MIT licence. No other pictures were used, and no weights of another model.

**How it was trained.** `python launch.py train starter --preset {preset.name}`: an autoencoder on {preset.autoencoder.samples:,} pieces of as many scenes, then UNet
and text encoder together on {preset.denoiser.samples:,} samples of {preset.latents:,} scenes, captions left out one time in ten. No thing was ever shown on one of the twelve
colours, another one for each, so that it can be measured what the model puts together by itself. {story}
"""
    return "\n".join(line if line.startswith(("|", "!", "#")) else textwrap.fill(line, 170) if len(line) > 170 else line for line in text.splitlines()) + "\n"
