"""What of an A1111 installation means something here: its settings as ours, its defaults as start values of our forms. Takes only what somebody had changed.

Knows neither files nor whether anything is taken over; every value is checked as if it had been typed on the page.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from modules.core.errors import InvalidRequest
from modules.core.params import named, to_dict, value_of, walk, with_values
from modules.core.records.options import BY_OPTION, MODEL
from modules.core.request import AUTOMATIC_VAE, OWN_VAE, GenerationRequest
from modules.core.settings import Settings

State = Literal["taken", "already so", "not taken"]
TABS = ("txt2img", "img2img")
SHOWN = 120
"""Characters of a value in the report."""

BOTH: Mapping[str, tuple[str, ...]] = {
    "Prompt": ("prompt",),
    "Negative prompt": ("negative_prompt",),
    "Sampling method": ("sampler",),
    "Schedule type": ("schedule",),
    "Sampling steps": ("steps",),
    "Width": ("width",),
    "Height": ("height",),
    "Batch count": ("count",),
    "Batch size": ("batch_size",),
    "CFG Scale": ("cfg_scale",),
    "Seed": ("seed",),
    "Tiling": ("tiling",),
    "Variation seed": ("variation.seed",),
    "Variation strength": ("variation.strength",),
    "Resize seed from width": ("variation.width",),
    "Resize seed from height": ("variation.height",),
    "Switch at": ("refiner.switch_at",),
}
OWN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "txt2img": {
        "Hires. fix": ("hires.enabled",),
        "Upscaler": ("hires.upscaler",),
        "Hires steps": ("hires.steps",),
        "Denoising strength": ("hires.strength",),
        "Upscale by": ("hires.scale",),
        "Resize width to": ("hires.width",),
        "Resize height to": ("hires.height",),
        "Hires sampling method": ("hires.sampler",),
        "Hires schedule type": ("hires.schedule",),
        "Hires prompt": ("hires.prompt",),
        "Hires negative prompt": ("hires.negative_prompt",),
    },
    "img2img": {
        "Denoising strength": ("init.strength",),
        "Resize mode": ("init.resize_mode",),
        "Mask blur": ("mask.blur_x", "mask.blur_y"),
        "Masked content": ("mask.content",),
        "Inpaint area": ("mask.area",),
        "Only masked padding, pixels": ("mask.padding",),
    },
}
"""A1111's labels, as ui-config.json names widgets -> our parameters, by tab."""
SAME = ("Use same sampler", "Use same scheduler")
"""What its menus of hires fix hold where nothing is chosen."""


@dataclass(frozen=True)
class Row:
    """One line of the report. source: the file. state: what became of it; of a look, what would."""

    source: str
    name: str
    value: str
    state: State
    note: str = ""


@dataclass
class Translation:
    """starts: our start values as they are, by form. settings: values to set. forms: start values to set, by form. rows: the report.
    usual: how many values were left out because A1111 has them by itself."""

    starts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    forms: dict[str, dict[str, Any]] = field(default_factory=lambda: {tab: {} for tab in TABS})
    rows: list[Row] = field(default_factory=list)
    usual: int = 0

    def say(self, source: str, name: str, value: Any, state: State, note: str = "") -> None:
        text = "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        self.rows.append(Row(source, name, text if len(text) <= SHOWN else text[:SHOWN] + " …", state, note))


def config(found: Mapping[str, Any], now: Settings, has_checkpoint: bool, languages: Collection[str], vaes: Collection[str], into: Translation) -> None:
    """config.json. now: our settings. has_checkpoint: whether the checkpoint that it names is there. languages: that the page can have.
    vaes: names of the files that may stand in for a checkpoint's own."""
    ours = {field.name: field for field in walk(Settings)}
    for name, value in found.items():
        name, value = _renamed(str(name), value)
        option = BY_OPTION.get(name)
        if name == MODEL:
            _setting(name, value, now, into, "" if has_checkpoint else "This checkpoint is not in its folder.")
        elif name == "localization":
            into.usual += value in ("None", "")
            if value not in ("None", ""):
                _setting(name, value, now, into, "" if value in languages else "There is no translation of this name in its folder.")
        elif name == "sd_vae" and value not in (AUTOMATIC_VAE, OWN_VAE, None, *vaes):
            into.say("config.json", name, value, "not taken", "This VAE is not in its folder.")
        elif name in ours:
            _setting(name, value, now, into)
        elif option is None:
            into.say("config.json", name, value, "not taken", "Easel has no such setting.")
        elif value == option.default or value in (None, *option.neutral):
            into.usual += 1
        elif option.field:
            for tab in TABS if option.tab is None else (option.tab,):
                _parameters("config.json", f"{name} ({tab})", (option.field,), option.meant(value), tab, into)
        else:
            into.say(
                "config.json",
                name,
                value,
                "not taken",
                f"Not built yet: {option.refused}." if option.refused else "It acts on requests of programs.",
            )


def _renamed(name: str, value: Any) -> tuple[str, Any]:
    """A1111's spelling of what has another name or unit here."""
    if name == "live_preview_refresh_period" and isinstance(value, int | float) and not isinstance(value, bool):
        return "live_preview_interval", max(0.2, value / 1000)
    if name in ("samples_format", "grid_format") and value == "jpeg":
        return name, "jpg"
    if name == "quicksettings_list" and isinstance(value, list):
        known = {field.name for field in walk(Settings)} | {option.name for option in BY_OPTION.values() if option.field}
        return name, [one for one in value if isinstance(one, str) and one in known and one != MODEL]
    return name, value


def _setting(name: str, value: Any, now: Settings, into: Translation, missing: str = "") -> None:
    declared = named(Settings, name)
    try:
        checked = value_of(with_values(Settings(), {name: value}), declared)
    except InvalidRequest as error:
        into.say("config.json", name, value, "not taken", str(error).removeprefix(f"{name} = ").removeprefix(f"{value!r} "))
        return
    if checked == declared.default:
        into.usual += 1
    elif checked == value_of(now, declared):
        into.say("config.json", name, value, "already so")
    elif missing:
        into.say("config.json", name, value, "not taken", missing)
    else:
        into.settings[name] = list(checked) if isinstance(checked, tuple) else checked
        into.say("config.json", name, value, "taken")


def forms(found: Mapping[str, Any], into: Translation) -> None:
    """ui-config.json: the start values; limits, steps and visibility of widgets have no counterpart."""
    others = 0
    for key, value in found.items():
        *path, label, what = str(key).split("/") if str(key).count("/") >= 2 else ("", "", "")
        tab = next((part for part in reversed(path) if part in TABS), "")
        names = {**BOTH, **OWN.get(tab, {})}.get(label, ()) if tab else ()
        if what != "value" or not names:
            others += 1
        else:
            _parameters("ui-config.json", f"{label} ({tab})", names, "" if value in SAME else value, tab, into)
    if others:
        into.say("ui-config.json", f"{others} further entries", None, "not taken", "Limits, steps and visibility of widgets, and widgets that Easel has not.")


def _parameters(source: str, shown: str, names: tuple[str, ...], value: Any, tab: str, into: Translation) -> None:
    start = GenerationRequest()
    try:
        checked = with_values(start, dict.fromkeys(names, value))
    except InvalidRequest as error:
        into.say(source, shown, value, "not taken", error.remedy)
        return
    if checked == start:
        into.usual += 1
        return
    tree = to_dict(checked)
    chosen = {name: _inside(tree, name) for name in names}
    if chosen.items() <= into.starts.get(tab, {}).items():
        into.say(source, shown, value, "already so")
        return
    into.forms[tab] |= chosen
    into.say(source, shown, value, "taken", f"The form {tab} starts with it.")


def _inside(tree: Any, name: str) -> Any:
    for part in name.split("."):
        tree = tree[part]
    return tree
