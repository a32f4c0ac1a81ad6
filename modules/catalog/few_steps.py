"""LoRAs and checkpoints that draw in a few steps: recognised by their kind and by the names that their makers give them, and the sampler, steps and CFG that they need.

No torch. Sources: the model cards of LCM-LoRA (Luo et al. 2023), SDXL Turbo and its ADD LoRAs (Sauer et al. 2023), SDXL-Lightning (Lin et al. 2024), Hyper-SD (Ren
et al. 2024), DMD2 (Yin et al. 2024), Flash Diffusion (Chadebec et al. 2024), TCD (Zheng et al. 2024) and PCM (Wang et al. 2024).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from modules.catalog.card import Card


class FewSteps(NamedTuple):
    """what: the method's name. values: of request parameters."""

    what: str
    values: Mapping[str, Any]


class Rule(NamedTuple):
    """what: the method. pattern: in a name in small letters with single spaces. steps: where the name says none. cfg: 1 switches the negative prompt off."""

    what: str
    pattern: re.Pattern[str]
    sampler: str
    schedule: str
    steps: int
    cfg: float


def _rule(what: str, pattern: str, sampler: str, steps: int, cfg: float = 1.0, schedule: str = "SGM Uniform") -> Rule:
    return Rule(what, re.compile(pattern), sampler, schedule, steps, cfg)


RULES = (
    _rule("Hyper-SD with CFG", r"\bhyper (sd|flux).*\bcfg\b", "DDIM", 8, 5.0),
    _rule("Hyper-FLUX", r"\bhyper flux", "Euler", 8, 1.0, "Simple"),
    _rule("Hyper-SD", r"\bhyper sd", "TCD (diffusers)", 8, 1.0, "Automatic"),
    _rule("Lightning", r"\b(sdxl|xl|sd15|sd3) ?lightning\b|\blightning\b.*\b\d+ ?steps?\b|\b\d+ ?steps?\b.*\blightning\b", "Euler", 4),
    _rule("FLUX Turbo", r"\bflux\b.*\bturbo\b", "Euler", 8, 1.0, "Simple"),
    _rule("Turbo", r"\b(sd|sdxl|xl|sd15|sd21|sd35|v1 5) ?turbo\b|\bturbo (lora|add)\b|\badd lora\b|\blora turbo\b", "Euler a", 4),
    _rule("DMD", r"\bdmd ?2?\b", "LCM", 4),
    _rule("Flash", r"\bflash (sd|sdxl|pixart|diffusion)|\b(sd|sdxl|sd3) flash\b", "LCM", 4),
    _rule("TCD", r"\btcd\b", "TCD (diffusers)", 4, 1.0, "Automatic"),
    _rule("PCM", r"\bpcm\b", "DDIM", 4, 1.0),
    _rule("LCM", r"\blcm\b", "LCM", 6, 1.5),
)
"""The more particular first."""
STEPS = re.compile(r"\b(?:n)?(\d{1,2}) ?(?:-|to)? ?steps?\b|\bsteps? ?(\d{1,2})\b")
TOLD = ("modelspec.title", "ss_output_name", "modelspec.description")


def few_steps(card: Card) -> FewSteps | None:
    """None for one that draws in as many steps as any other."""
    names = [_spaced(text) for text in (card.name, *(card.metadata.get(key, "")[:200] for key in TOLD))]
    rule = next((rule for name in names for rule in RULES if rule.pattern.search(name)), None)
    if rule is None and card.kind == "lora-lcm":
        rule = RULES[-1]
    if rule is None:
        return None
    said = next((found for name in names if (found := STEPS.search(name))), None)
    steps = int(said[1] or said[2]) if said else rule.steps
    values = {"sampler": rule.sampler, "schedule": rule.schedule, "steps": min(max(steps, 1), 50), "cfg_scale": rule.cfg}
    return FewSteps(rule.what, values)


def _spaced(text: str) -> str:
    """Small letters; what parts words, and the place where a word meets a number of steps, is one space."""
    text = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    text = re.sub(r"[^0-9a-z]+", " ", text.lower())
    return re.sub(r"(?<=\d)(?=steps?\b)", " ", text).strip()
