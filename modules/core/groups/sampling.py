"""How a picture is sampled: its noise, how its prompts are read, and what bends sampler, schedule and guidance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict

from modules.core import levels
from modules.core.limits import SEED_LIMIT
from modules.core.params import STRICT, Param

Emphasis = Literal["Original", "No norm", "Ignore", "None", "compel"]


@dataclass(frozen=True, kw_only=True)
class Variation:
    """A second seed mixed into the first one's noise; and noise laid out for another picture size."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    seed: Annotated[int, Param("Variation seed", -1, SEED_LIMIT, 1, text="Variation seed", hint="-1 draws one.")] = -1
    strength: Annotated[
        float, Param("Variation strength", 0, 1, 0.01, text="Variation seed strength", hint="0: the seed alone. 1: the variation seed alone.")
    ] = 0.0
    width: Annotated[int, Param("Resize seed from width", 0, 16384, 8, usual=2048, hint="Keeps the composition of that size. 0: off.")] = 0
    height: Annotated[int, Param("Resize seed from height", 0, 16384, 8, usual=2048, hint="Keeps the composition of that size. 0: off.")] = 0


@dataclass(frozen=True, kw_only=True)
class Text:
    """How the prompts are read."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    emphasis: Annotated[
        Emphasis, Param("Emphasis", text="Emphasis", hint="What (word:1.5) does: A1111's rule, without its norm, nothing, literal brackets, or compel's rule.")
    ] = "Original"
    clip_skip: Annotated[
        int, Param("Clip skip", 1, 12, 1, text="Clip skip", hint="Stops this many layers before the end of the text encoder. 2 suits many anime models.")
    ] = 1
    comma_backtrack: Annotated[int, Param("Comma backtrack", 0, 74, 1, hint="How far a text longer than 75 tokens is cut back to a comma.")] = 20
    comments: Annotated[bool, Param("Comments in prompts", hint="# starts a comment.")] = True
    old_editing: Annotated[bool, Param("Old prompt editing timelines", text="Old prompt editing timelines", hint="As A1111 before 1.6.")] = False


@dataclass(frozen=True, kw_only=True)
class Solver:
    """What a sampler takes beyond its schedule. k-diffusion's names (Karras et al. 2022)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    eta: Annotated[float | None, Param("Eta", 0, 10, 0.01, hint="Fresh noise in each step. Empty: the sampler's own (1 for ancestral ones, 0 for DDIM).")] = (
        None
    )
    churn: Annotated[float, Param("Sigma churn", 0, 100, 0.01, text="Sigma churn")] = 0.0
    tmin: Annotated[float, Param("Sigma tmin", 0, 1000, 0.01, text="Sigma tmin")] = 0.0
    tmax: Annotated[float, Param("Sigma tmax", 0, 1000, 0.01, text="Sigma tmax", hint="0: no limit.")] = 0.0
    noise: Annotated[float, Param("Sigma noise", 0, 10, 0.001, text="Sigma noise")] = 1.0
    ensd: Annotated[int, Param("Eta noise seed delta", -(2**31), 2**31, 1, text="ENSD", hint="Added to the seed after the first draw. 31337 is NovelAI's.")] = 0
    named: Annotated[bool, Param("Churn and its limits in the picture's text", hint="Off: as A1111's API, which leaves them out.")] = True


@dataclass(frozen=True, kw_only=True)
class Spacing:
    """What bends a schedule type, or stands in its place. 0 leaves the model's own value."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    sigmas: Annotated[
        levels.Levels,
        BeforeValidator(levels.read),
        AfterValidator(levels.check),
        Param(
            "Custom sigmas",
            text="Schedule sigmas",
            hint="Noise levels of your own, from high to low: 14.6, 5.5, 2.1, 0.8, 0.3, 0.03. Each is one step, whatever the schedule type and the steps say."
            " Empty: off.",
        ),
    ] = ()
    sigma_min: Annotated[float, Param("Schedule min sigma", 0, 1000, 0.01, text="Schedule min sigma")] = 0.0
    sigma_max: Annotated[float, Param("Schedule max sigma", 0, 1000, 0.01, text="Schedule max sigma")] = 0.0
    rho: Annotated[float, Param("Schedule rho", 0, 100, 0.01, text="Schedule rho")] = 0.0
    shift: Annotated[
        float,
        Param(
            "Schedule shift",
            0,
            100,
            0.05,
            usual=12,
            text="Schedule shift",
            hint="Flow-matching models: higher spends more steps on the composition. 0: the model's own.",
        ),
    ] = 0.0
    beta_alpha: Annotated[float, Param("Beta schedule alpha", 0.01, 1, 0.01, text="Beta schedule alpha")] = 0.6
    beta_beta: Annotated[float, Param("Beta schedule beta", 0.01, 1, 0.01, text="Beta schedule beta")] = 0.6
    discard_penultimate: Annotated[bool, Param("Discard penultimate sigma", text="Discard penultimate sigma")] = False
    sgm_noise: Annotated[bool, Param("SGM noise multiplier", text="SGM noise multiplier", hint="First noise scaled as in Stability's own code.")] = False
    quantize: Annotated[bool, Param("Quantize timesteps", hint="Rounds fractional timesteps before the network sees them.")] = False
    noise_schedule: Annotated[Literal["Default", "Zero Terminal SNR"], Param("Noise schedule", text="Noise Schedule")] = "Default"
    downcast_alphas: Annotated[bool, Param("Downcast alphas_cumprod", text="Downcast alphas_cumprod", hint="As A1111 before 1.7 with half precision.")] = False


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """When classifier-free guidance (Ho & Salimans 2022) is left out, and how unequal prompts are matched. interval: Kynkäänniemi et al. 2024."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    min_sigma: Annotated[
        float,
        Param("Negative guidance minimum sigma", 0, 15, 0.01, text="NGMS", hint="Below this noise level the negative prompt is skipped on every second step."),
    ] = 0.0
    min_sigma_all: Annotated[bool, Param("Negative prompt skipped on every step", text="NGMS all steps")] = False
    skip_early: Annotated[float, Param("Skip early CFG", 0, 1, 0.01, text="Skip Early CFG", hint="Share of the first steps without the negative prompt.")] = 0.0
    interval_high: Annotated[
        float,
        Param(
            "Guidance from noise level",
            0,
            1000,
            0.01,
            usual=15,
            text="CFG interval start",
            hint="Above it the negative prompt is left out: more varied pictures, in less time. SD begins at 14.6, models of flow matching at 1. 0: guided from the start.",
        ),
    ] = 0.0
    interval_low: Annotated[
        float,
        Param(
            "Guidance to noise level",
            0,
            1000,
            0.01,
            usual=15,
            text="CFG interval end",
            hint="From here on down the negative prompt is left out, which saves time: at 0.5 the starter's pictures stay within 33 dB. 0: guided to the end.",
        ),
    ] = 0.0
    distilled: Annotated[
        float,
        Param(
            "Distilled CFG Scale",
            0,
            100,
            0.1,
            usual=30,
            text="Distilled CFG Scale",
            hint="Of models that learnt guidance (FLUX dev): how strictly the prompt is followed.",
        ),
    ] = 3.5
    apart: Annotated[
        bool, Param("Prompt and negative one by one", hint="Through the network one after the other: takes less memory and more time. Changes last bits.")
    ] = False
    pad_conds: Annotated[bool, Param("Pad conds", text="Pad conds", hint="Prompt and negative prompt are brought to one length.")] = False
