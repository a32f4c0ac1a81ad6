"""What an X/Y/Z plot can vary: A1111's axes under their names and in their order, and any other field of a request by its dotted name.

Source: the project's notes on A1111 (X/Y/Z plot). Adds no rule of pixels: an axis changes fields of the request.
"""

from __future__ import annotations

import difflib
import re
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from modules.core.errors import InvalidRequest, Unsupported
from modules.core.groups.faces import FACE_RESTORERS
from modules.core.levels import Levels
from modules.core.params import Field, literal_names, walk, with_values
from modules.core.records.options import FP8
from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.core.records.upscalers import HIRES_UPSCALERS
from modules.core.request import GenerationRequest
from modules.engine.sweeps.script import Tab
from modules.engine.sweeps.xyz_values import Kind, Value

Apply = Callable[[GenerationRequest, Any, Sequence[Any]], GenerationRequest]
"""(request, value, all values of the axis) -> the changed request. Raises InvalidRequest."""


@dataclass(frozen=True)
class Axis:
    """choices: None for free values; names to choose from; empty where a face lists them (checkpoints, styles). tab: the one it belongs to, "" both.
    shown: how a label names a value: "label: value", the value alone, or its file name alone. cost: of changing it; dear axes change least often.
    lacking: the feature that Easel lacks for it."""

    name: str
    kind: Kind = "text"
    apply: Apply = lambda request, value, values: request
    choices: Sequence[str] | None = None
    tab: Literal["", "txt2img", "img2img"] = ""
    shown: Literal["labelled", "value", "file"] = "labelled"
    cost: float = 0.0
    lacking: str = ""

    @property
    def field(self) -> str:
        """The one parameter that it sets; "" where it changes otherwise."""
        if isinstance(self.apply, Sets):
            return self.apply.name
        return "vae" if self.apply is vae else "refiner.checkpoint" if self.apply is refiner else ""

    def label(self, value: Value) -> str:
        if isinstance(value, tuple):
            return ", ".join(value)
        if self.shown == "file":
            return str(value).replace("\\", "/").rsplit("/", 1)[-1]
        if isinstance(value, float):
            value = round(value, 8)
        return str(value) if self.shown == "value" else f"{self.name}: {value}"


@dataclass(frozen=True)
class Sets:
    """Sets one field of the request, checked; of names to choose from the case does not matter."""

    name: str
    names: Mapping[str, str]

    def __call__(self, request: GenerationRequest, value: Any, values: Sequence[Any]) -> GenerationRequest:
        return with_values(request, {self.name: self.names.get(str(value).casefold(), value) if self.names else value})


def to(name: str) -> Sets:
    return Sets(name, {choice.casefold(): choice for choice in choices_of(FIELDS[name])})


def sampler(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    name, schedule = split_sampler(value)
    return replace(request, sampler=name, schedule=schedule or request.schedule)


def hires_sampler(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    name, schedule = split_sampler(value)
    return replace(request, hires=replace(request.hires, sampler=name, schedule=schedule or request.hires.schedule))


def schedule(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    return replace(request, schedule=SCHEDULES.get(value).name)


def checkpoint(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    return replace(with_values(request, {"model": value}), model_hash="")


def vae(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    return with_values(request, {"vae": value, "vae_hash": ""})


def refiner(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    name = "" if value.strip().casefold() in ("", "none") else value
    return with_values(request, {"refiner.checkpoint": name, "refiner.checkpoint_hash": ""})


def strength(request: GenerationRequest, value: float, values: Sequence[float]) -> GenerationRequest:
    return with_values(request, {"init.strength" if request.init.image else "hires.strength": value})


def styles(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    return replace(request, styles=(*request.styles, *(name.strip() for name in value.split(","))))


def faces(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    """A1111's words for yes; everything else is no. A restorer's name chooses it, too: there its setting would run for both names."""
    word = value.strip().casefold()
    named = next((name for name in FACE_RESTORERS if name.casefold() == word), None)
    on = named is not None or word in ("true", "yes", "y", "1")
    return replace(request, faces=replace(request.faces, restore=on, restorer=named or request.faces.restorer, networks={}))


def size(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    found = re.fullmatch(r"(\d{1,6})\s*x\s*(\d{1,6})", value, re.IGNORECASE | re.ASCII)
    if not found:
        raise InvalidRequest(f"{value[:80]!r} is no size.", "Write width x height, for example 512x768.")
    return with_values(request, {"width": int(found[1]), "height": int(found[2])})


def search_replace(request: GenerationRequest, value: str, values: Sequence[str]) -> GenerationRequest:
    term = values[0]
    if not term or term not in request.prompt and term not in request.negative_prompt:
        where = "neither in the prompt nor in the negative prompt"
        raise InvalidRequest(f"Prompt S/R looks for {term[:80]!r}, which is {where}.", "Its first value must be a text that stands there.")
    return with_values(request, {"prompt": request.prompt.replace(term, value), "negative_prompt": request.negative_prompt.replace(term, value)})


def order(request: GenerationRequest, value: tuple[str, ...], values: Sequence[tuple[str, ...]]) -> GenerationRequest:
    """The words change places; what stands between them stays."""
    rest, between = request.prompt, []
    for word in sorted(value, key=request.prompt.find):
        head, found, rest = rest.partition(word) if word else (rest, "", "")
        if not found:
            raise InvalidRequest(f"Prompt order looks for {word[:80]!r}, which is not in the prompt.", "Give words of the prompt, each once.")
        between.append(head)
    return replace(request, prompt="".join(part + word for part, word in zip(between, value, strict=True)) + rest)


def choices_of(field: Field) -> list[str]:
    return literal_names(field.type) or field.param.names()


def _is_axis(field: Field) -> bool:
    return field.path[0] != "script" and (field.type == Levels or typing.get_origin(field.type) not in (tuple, dict))


FIELDS = {field.name: field for field in walk(GenerationRequest) if _is_axis(field)}
TRUTH = ("False", "True")
AXES: tuple[Axis, ...] = (
    Axis("Nothing"),
    Axis("Seed", "int", to("seed")),
    Axis("Var. seed", "int", to("variation.seed")),
    Axis("Var. strength", "float", to("variation.strength")),
    Axis("Steps", "int", to("steps")),
    Axis("Hires steps", "int", to("hires.steps"), tab="txt2img"),
    Axis("CFG Scale", "float", to("cfg_scale")),
    Axis("Image CFG Scale", "float", to("init.image_cfg"), tab="img2img"),
    Axis("Prompt S/R", "text", search_replace, shown="value"),
    Axis("Prompt order", "order", order),
    Axis("Sampler", "text", sampler, SAMPLERS.names(), "txt2img", "value"),
    Axis("Hires sampler", "text", hires_sampler, SAMPLERS.names(), "txt2img"),
    Axis("Sampler", "text", sampler, SAMPLERS.names(), "img2img", "value"),
    Axis("Checkpoint name", "text", checkpoint, (), shown="file", cost=1.0),
    Axis("Negative Guidance minimum sigma", "float", to("guidance.min_sigma")),
    Axis("Sigma Churn", "float", to("solver.churn")),
    Axis("Sigma min", "float", to("solver.tmin")),
    Axis("Sigma max", "float", to("solver.tmax")),
    Axis("Sigma noise", "float", to("solver.noise")),
    Axis("Schedule type", "text", schedule, SCHEDULES.names()),
    Axis("Schedule min sigma", "float", to("spacing.sigma_min")),
    Axis("Schedule max sigma", "float", to("spacing.sigma_max")),
    Axis("Schedule rho", "float", to("spacing.rho")),
    Axis("Beta schedule alpha", "float", to("spacing.beta_alpha")),
    Axis("Beta schedule beta", "float", to("spacing.beta_beta")),
    Axis("Eta", "float", to("solver.eta")),
    Axis("Clip skip", "int", to("text.clip_skip")),
    Axis("Denoising", "float", strength),
    Axis("Initial noise multiplier", "float", to("init.noise_multiplier")),
    Axis("Extra noise", "float", to("init.extra_noise")),
    Axis("Hires upscaler", "text", to("hires.upscaler"), HIRES_UPSCALERS, "txt2img"),
    Axis("Cond. Image Mask Weight", "float", to("init.mask_weight"), tab="img2img"),
    Axis("VAE", "text", vae, (), cost=0.7),
    Axis("Styles", "text", styles, ()),
    Axis("UniPC Order", "int", cost=0.5, lacking="another order of UniPC"),
    Axis("Face restore", "text", faces, shown="value"),
    Axis("Token merging ratio", "float", to("shortcuts.merging")),
    Axis("Token merging ratio high-res", "float", to("shortcuts.merging_hires")),
    Axis("Always discard next-to-last sigma", "text", to("spacing.discard_penultimate"), TRUTH),
    Axis("SGM noise multiplier", "text", to("spacing.sgm_noise"), TRUTH),
    Axis("Refiner checkpoint", "text", refiner, (), shown="file", cost=1.0),
    Axis("Refiner switch at", "float", to("refiner.switch_at")),
    Axis("RNG source", "text", to("noise_source"), ("GPU", "CPU", "NV")),
    Axis("FP8 mode", "text", Sets("storage", {word.casefold(): kept for word, kept in FP8.items()}), tuple(FP8), cost=0.9),
    Axis("Size", "text", size),
    Axis("Schedule sigmas", "text", to("spacing.sigmas")),
)
"""In A1111's order, by which its API counts those of a tab from 0; then ours."""
NOTHING = AXES[0]


def axes_of(tab: Tab) -> list[str]:
    return [axis.name for axis in AXES if axis.tab in ("", tab)]


def axis_of(name: str) -> Axis:
    """By A1111's name or a field's dotted one, whatever the case. Raises InvalidRequest for an unknown one, Unsupported for one that Easel lacks."""
    wanted = name.strip().casefold()
    axis = next((axis for axis in AXES if axis.name.casefold() == wanted), None)
    if axis and axis.lacking:
        raise Unsupported(f"The axis {axis.name!r} cannot be plotted: {axis.lacking} is not built yet.", "Choose another axis.")
    if axis:
        return axis
    field = next((field for field in FIELDS.values() if field.name == wanted), None)
    if field is None:
        near = difflib.get_close_matches(name, [*(axis.name for axis in AXES), *FIELDS], 3, 0.4) or ["Steps", "CFG Scale", "Seed"]
        raise InvalidRequest(f"There is no axis {name[:80]!r}.", f"Near it: {', '.join(near)}.")
    return Axis(field.param.label, _kind(field), to(field.name), choices_of(field) or None)


def _kind(field: Field) -> Kind:
    kinds = typing.get_args(field.type) if isinstance(field.type, types.UnionType) else (field.type,)
    return "int" if int in kinds else "float" if float in kinds else "text"
