"""A1111's parameter text, and the dialects that share its form (Forge, SD.Next, stable-diffusion.cpp, Civitai, Fooocus, ComfyUI's save nodes) -> request.

Knows the form through `grammar`, and the request through its declaration: a field with an infotext key is read without a line here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, get_args

from modules.core.groups.faces import Restorer
from modules.core.params import walk
from modules.core.records.options import FP8
from modules.core.records.samplers import SAMPLERS
from modules.core.request import OWN_VAE, GenerationRequest
from modules.infotext import control, grammar, keys, passes
from modules.infotext.foreign import samplers
from modules.infotext.names import file_name, stem
from modules.infotext.reading import Draft, Reading

NOISE = (
    "The picture does not say where its noise came from. An NVIDIA card is most likely, so the noise source is NV, which draws the same noise on any machine."
    " If the picture comes out another one, try CPU."
)
_FIELDS = {field.param.text.casefold(): field.name for field in walk(GenerationRequest) if field.param.text}
MODULES = tuple(f"Module {number}" for number in range(1, 9))
"""Forge's keys of the text encoders and VAE that a checkpoint was drawn with beside itself: names, no hashes."""
_OWN_RULE = {
    "sampler",
    "schedule type",
    "size",
    "model",
    "model hash",
    "vae",
    "vae hash",
    "ti hashes",
    "lora hashes",
    "eta",
    "eta ddim",
    "rng",
    "seed resize from",
    *("face restoration", "codeformer weight"),
    *("extensions", "template", "negative template"),
    "fp8 weight",
    *(key.casefold() for key in MODULES),
    *("controlnet", *(key.casefold() for key in control.KEYS)),
}
_WITH_VAE = ("Easel", "AUTOMATIC1111", "Forge", "Civitai")
"""Tools whose key VAE names a file of models/VAE."""
_JSON_TAILS = ("Civitai resources", "Civitai metadata", "Hashes", "SDCPP")
_HASHED = re.compile(r"([^:]+?): ([0-9a-fA-F]{8,64})(?:, |$)")


def read(text: str, size: tuple[int, int] = (0, 0), *, unsaid_noise: str = "NV", source: str = "") -> Reading:
    """unsaid_noise: what an absent `RNG` means; A1111's own API means "GPU". source: the tool when the file itself names it."""
    text, tails = without_json(text)
    full = grammar.parse(text)
    said = grammar.values(grammar.split(text)[2]) | tails
    draft = Draft(source or _tool(said))
    if not said:
        draft.prompt("Prompt", full["Prompt"])
        draft.prompt("Negative prompt", full["Negative prompt"], negative=True)
        draft.say("The text names no parameters, so all of it is the prompt.")
        draft.source = source
        return draft.reading(size)
    draft.prompt("Prompt", full["Prompt"])
    if full["Negative prompt"]:
        draft.prompt("Negative prompt", full["Negative prompt"], negative=True)
    said = {keys.ALIASES.get(key.casefold(), key): value for key, value in said.items()}
    _sampling(draft, said)
    _sizes(draft, full)
    _model(draft, said)
    _vae(draft, said)
    _modules(draft, said)
    _faces(draft, said)
    _storage(draft, said)
    dealt = _OWN_RULE | passes.from_text(draft, said) | passes.refiner(draft, said)
    _extended(draft, said)
    _controlled(draft, said)
    for key, value in said.items():
        if _plain(key) not in dealt:
            _one(draft, key, value, said)
    for key in ("Old prompt editing timelines", "Downcast alphas_cumprod", "Pad conds v0", "Refiner switch by sampling steps"):
        if full.get(key) is True and key not in said:
            _one(draft, key, True, said, f"A1111 {draft.facts.get('Version', '')} did so without saying it.")
    _noise(draft, said, unsaid_noise)
    return draft.reading(size)


def _tool(said: Mapping[str, Any]) -> str:
    version = str(said.get("Version", "")).casefold()
    if version.startswith("easel"):
        return "Easel"
    if str(said.get("App", "")).casefold() in ("sd.next", "sdnext"):
        return "SD.Next"
    for start, tool in (("stable-diffusion.cpp", "stable-diffusion.cpp"), ("fooocus", "Fooocus"), ("comfyui", "ComfyUI")):
        if version.startswith(start):
            return tool
    if "SDCPP" in said:
        return "stable-diffusion.cpp"
    if re.match(r"f\d|neo|forge", version) or {"Diffusion in Low Bits", "Distilled CFG Scale", "Module 1"} & set(said):
        return "Forge"
    return "Civitai" if {"Civitai resources", "Civitai metadata"} & set(said) else "AUTOMATIC1111"


def _plain(key: str) -> str:
    """Without what `grammar.values` adds to the keys of a size."""
    return re.sub(r"-[12]$", "", key).casefold()


def _one(draft: Draft, key: str, value: object, said: Mapping[str, Any], note: str = "") -> None:
    """One key of the line that has no rule of its own."""
    plain = _plain(key)
    if plain in keys.SILENT:
        draft.fact(key, value)
    elif plain in _FIELDS:
        draft.take(key, _FIELDS[plain], value, note)
    elif key.endswith("-1") and f"{key[:-2]}-2" in said:
        draft.leave(key[:-2], f"{value}x{said[f'{key[:-2]}-2']}", keys.reason(key))
    elif not (key.endswith("-2") and f"{key[:-2]}-1" in said):
        draft.leave(key, value, keys.reason(key))


def _sampling(draft: Draft, said: Mapping[str, Any]) -> None:
    name, schedule = said.get("Sampler"), None if "Schedule sigmas" in said else said.get("Schedule type")
    samplers.take(draft, "Sampler", name, "Schedule type", schedule)
    if name is None:
        draft.say("The text names no sampler; Easel's own is kept.")
    ours = draft.values.get("sampler")
    old = schedule is None and grammar.older(said.get("Version"), "1.9.0") and draft.values["schedule"] == "Automatic"
    if old and ours and ours != "Restart" and SAMPLERS.get(ours).schedule != "Automatic":
        draft.take("Schedule type", "schedule", "Uniform", f"Before 1.9 A1111 spaced {ours} as the model is, unless its name said Karras or Exponential.")
    for key in ("Eta", "Eta DDIM"):
        draft.take(key, "solver.eta", said.get(key))


def _sizes(draft: Draft, full: Mapping[str, Any]) -> None:
    for key, names in (("Size", ("width", "height")), ("Seed resize from", ("variation.width", "variation.height"))):
        if f"{key}-1" in full:
            draft.size(key, full[f"{key}-1"], full[f"{key}-2"], names=names)
        else:
            draft.leave(key, full.get(key), "A size reads like 512x768.")


def _model(draft: Draft, said: Mapping[str, Any]) -> None:
    name = said.get("Model") or ("x".join((str(said["Model-1"]), str(said["Model-2"]))) if "Model-1" in said else None)
    resources = [item for item in said.get("Civitai resources", ()) if isinstance(item, Mapping)]
    hashes = said.get("Hashes")
    if isinstance(hashes, str):
        hashes = _json(hashes)
    draft.model("Model", name)
    for item in resources:
        if not name and str(item.get("type", "")).casefold() in ("checkpoint", "model"):
            draft.model("Civitai resources", item.get("modelName"), "Civitai names the model's page, not its file.")
    if "Model hash" in said:
        draft.model_hash("Model hash", said["Model hash"])
    elif isinstance(hashes, Mapping) and hashes.get("model"):
        draft.model_hash("Hashes", hashes["model"])
    for key, name, what in (("TI hashes", "embeddings", "embeddings"), ("Lora hashes", "loras", "LoRAs")):
        if found := _HASHED.findall(str(said.get(key, ""))):
            draft.take(key, name, dict(found), said=said[key])
        else:
            draft.leave(key, said.get(key), f"This names no {what} with hashes.")
    listed = {str(key)[5:]: str(value) for key, value in hashes.items() if str(key).lower().startswith("lora:")} if isinstance(hashes, Mapping) else {}
    if listed and "loras" not in draft.values:
        draft.take("Hashes", "loras", listed)


def _vae(draft: Draft, said: Mapping[str, Any]) -> None:
    """The file that stood in for the checkpoint's own, by its name and hash. Ours says nothing where there was none."""
    name, digest = said.get("VAE"), str(said.get("VAE hash") or "").strip().lower()
    if draft.source == "Easel" and name is None:
        draft.values["vae"] = OWN_VAE
    elif draft.source not in _WITH_VAE or not isinstance(name, str) or not file_name(name):
        draft.leave("VAE", name, keys.FILES)
        draft.leave("VAE hash", digest, keys.FILES)
    elif draft.take("VAE", "vae", file_name(name)) and digest:
        if re.fullmatch(r"[0-9a-f]{8,64}", digest):
            draft.take("VAE hash", "vae_hash", digest)
        else:
            draft.leave("VAE hash", digest, "This is no sha256 hash.")


def _modules(draft: Draft, said: Mapping[str, Any]) -> None:
    """Which of these files are here is for those to say who know the folders (`Reading.with_modules`)."""
    for key in MODULES:
        name = stem(str(said.get(key) or ""))
        if name:
            draft.take(key, "companions", {**draft.values.get("companions", {}), name: ""}, said=name)


def _faces(draft: Draft, said: Mapping[str, Any]) -> None:
    """Whether its files are here is for those to say who know the folders. Ours says a weight that is not the usual one."""
    key, name = "Face restoration", str(said.get("Face restoration") or "").strip().casefold()
    restorer = next((one for one in get_args(Restorer) if one.casefold() == name), None)
    weight = said.get("CodeFormer weight")
    if restorer is None:
        draft.leave(key, said.get(key), keys.FACES)
        draft.leave("CodeFormer weight", weight, keys.ENLARGED)
        return
    guessed = restorer == "CodeFormer" and weight is None and draft.source != "Easel"
    if draft.take(key, "faces.restorer", restorer, keys.FACE_WEIGHT if guessed else ""):
        draft.values["faces.restore"] = True
        draft.take("CodeFormer weight", "faces.weight", weight)


def _storage(draft: Draft, said: Mapping[str, Any]) -> None:
    kept = FP8.get(str(said.get("FP8 weight", "")))
    if kept is None or not draft.take("FP8 weight", "storage", kept, said=said["FP8 weight"]):
        draft.leave("FP8 weight", said.get("FP8 weight"), keys.reason("FP8 weight"))


def _extended(draft: Draft, said: Mapping[str, Any]) -> None:
    """What extensions recorded; of another program's wildcards the templates, so that they can be used again."""
    if "Extensions" in said:
        record = _json(str(said["Extensions"]))
        if record is None or not draft.take("Extensions", "extensions", record, said=said["Extensions"]):
            draft.leave("Extensions", said["Extensions"], "This is no record of extensions.")
        for key in ("Template", "Negative Template"):
            draft.fact(key, said.get(key))
        return
    was = {name: said[key] for key, name in (("Template", "prompt"), ("Negative Template", "negative_prompt")) if key in said}
    if was:
        draft.take("Template", "extensions", {"template": {"was": was}}, said=" | ".join(was.values()))


def _controlled(draft: Draft, said: Mapping[str, Any]) -> None:
    units: list[dict[str, Any]] = []
    for told in control.told(said):
        if told.unit is None:
            draft.leave(told.key, told.text, " ".join(told.notes))
        elif draft.take(told.key, "control", [*units, told.unit], " ".join(told.notes), said=told.text):
            units.append(told.unit)


def _noise(draft: Draft, said: Mapping[str, Any], unsaid: str) -> None:
    """An absent key means A1111's default, the device that computes; which for a picture from elsewhere is most likely an NVIDIA card."""
    rng = said.get("RNG")
    if draft.source == "Easel" and rng is None:
        draft.take("RNG", "noise_source", "GPU")
    elif rng is None and draft.source == "ComfyUI":
        draft.noise("CPU", "ComfyUI draws its noise on the CPU.")
    elif rng is None and unsaid == "NV":
        draft.noise("NV", NOISE)
    elif rng is None:
        draft.values["noise_source"] = unsaid
    elif str(rng).casefold() == "cuda":
        draft.take("RNG", "noise_source", "NV", said=rng)
    else:
        draft.take("RNG", "noise_source", rng)


def without_json(text: str) -> tuple[str, dict[str, Any]]:
    """Civitai and sd.cpp end the line with JSON that is not quoted. (the text without it, what it held by key)."""
    start = text.rstrip().rfind("\n") + 1
    line = text[start:]
    found: dict[str, Any] = {}
    for key in _JSON_TAILS:
        match = re.search(rf"(?:^|, ?){key}: ?(?=[\[{{])", line)
        if not match or _quoted(line[: match.start()]):
            continue
        try:
            found[key], end = json.JSONDecoder().raw_decode(line, match.end())
        except (ValueError, RecursionError):
            continue
        line = line[: match.start()] + line[end:]
    return text[:start] + line, found


def _quoted(before: str) -> bool:
    """Whether what follows stands inside a quoted value."""
    return sum(mark == '"' for mark in re.findall(r'\\.|"', before)) % 2 == 1


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
