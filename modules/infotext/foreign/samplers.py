"""Other tools' names for samplers and schedule types -> the nearest of ours. Knows no tool: the names hardly clash, so one table serves all.

A name is first brought to a plain form: lower case, without `k_`, `sample_`, `_gpu`, spaces and underscores; `dpmpp` for DPM++.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from modules.core.errors import InvalidRequest
from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.records.schedules import SCHEDULES
from modules.infotext.names import clean
from modules.infotext.reading import Draft

SAME: Mapping[str, str] = {
    "euler": "Euler",
    "eulera": "Euler a",
    "eulerancestral": "Euler a",
    "heun": "Heun",
    "lms": "LMS",
    "lmsd": "LMS",
    "dpm2": "DPM2",
    "kdpm2": "DPM2",
    "dpm2a": "DPM2 a",
    "kdpm2a": "DPM2 a",
    "dpm2ancestral": "DPM2 a",
    "dpmfast": "DPM fast",
    "dpmadaptive": "DPM adaptive",
    "dpmpp2m": "DPM++ 2M",
    "dpmpp2msde": "DPM++ 2M SDE",
    "dpmpp2msdeheun": "DPM++ 2M SDE Heun",
    "dpmpp3msde": "DPM++ 3M SDE",
    "dpmppsde": "DPM++ SDE",
    "dpmsde": "DPM++ SDE",
    "dpmpp2sa": "DPM++ 2S a",
    "dpmpp2sancestral": "DPM++ 2S a",
    "restart": "Restart",
    "ddim": "DDIM",
    "plms": "PLMS",
    "unipc": "UniPC",
    "lcm": "LCM",
}
NEAR: Mapping[str, str] = {
    "ddimv3": "DDIM",
    "ddimtrailing": "DDIM",
    "pndm": "PLMS",
    "ddpm": "DDPM (diffusers)",
    "deis": "DEIS (diffusers)",
    "ipndm": "IPNDM (diffusers)",
    "ipndmv": "IPNDM (diffusers)",
    "unipcbh2": "UniPC",
    "unipcsnr": "UniPC",
    "unipctu": "UniPC",
    "unipctq": "UniPC",
    "unipcsnr2": "UniPC",
    "unipctu2": "UniPC",
    "dpmpp2": "DPM++ 2S a",
    "dpmpp2a": "DPM++ 2S a",
    "dpmpp2s": "DPM++ 2S a",
    "dpmpp1s": "DPM++ 2S a",
    "dpmpp": "DPM++ 2M",
    "dpmpp2mv2": "DPM++ 2M",
    "dpmpp2mcfgpp": "DPM++ 2M",
    "dpmpp3m": "DPM++ 3M SDE",
    "dpmpp2sancestralcfgpp": "DPM++ 2S a",
    "dpmsolverstability": "DPM++ 2M",
    "dpmsolver": "DPM++ 2M",
    "eulercfgpp": "Euler",
    "eulerancestralcfgpp": "Euler a",
    "eulerflowmatch": "Euler",
    "eulerasubstep": "Euler a",
    "dpmppsdesubstep": "DPM++ SDE",
    "heunpp2": "Heun",
    "expheun2x0": "Heun",
    "resmultistep": "DPM++ 2M",
    "resmultistepancestral": "DPM++ 2M SDE",
    "gradientestimation": "Euler",
    "ersde": "DPM++ 2M SDE",
    "sasolver": "SA-Solver (diffusers)",
    "seeds2": "DPM++ SDE",
    "seeds3": "DPM++ SDE",
    "tcd": "TCD (diffusers)",
}
SPACED: Mapping[str, tuple[str, bool]] = {
    "automatic": ("Automatic", True),
    "default": ("Automatic", True),
    "uniform": ("Uniform", True),
    "discrete": ("Uniform", True),
    "karras": ("Karras", True),
    "exponential": ("Exponential", True),
    "polyexponential": ("Polyexponential", True),
    "sgmuniform": ("SGM Uniform", True),
    "simple": ("Simple", True),
    "normal": ("Normal", True),
    "ddimuniform": ("DDIM", True),
    "ddim": ("DDIM", True),
    "beta": ("Beta", True),
    "kloptimal": ("KL Optimal", True),
    "alignyoursteps": ("Align Your Steps", True),
    "ays": ("Align Your Steps", True),
    "native": ("Uniform", False),
    "trailing": ("SGM Uniform", False),
    "linearquadratic": ("Simple", False),
    "turbo": ("SGM Uniform", False),
    "sgm": ("SGM Uniform", False),
    "gits": ("Align Your Steps", False),
    "smoothstep": ("Simple", False),
    "bongtangent": ("Beta", False),
    "beta57": ("Beta", False),
}
"""Schedule name and whether it is the same one."""

_SUFFIXES = sorted(SPACED, key=len, reverse=True)


def plain(name: str) -> str:
    text = clean(name).casefold().replace("++", "pp")
    text = re.sub(r"^(sample_|k_)", "", text)
    return re.sub(r"[^a-z0-9]", "", re.sub(r"_gpu(?![a-z])|_rf$", "", text))


def sampler(name: str) -> tuple[str, str, bool]:
    """(our sampler, schedule that the name carries or "", whether both are the same as the tool's). Sampler "" when nothing is near."""
    try:
        ours, schedule = split_sampler(clean(name))
        return ours, schedule, True
    except InvalidRequest:
        word = plain(name)
    if word in SAME or word in NEAR:
        return SAME.get(word) or NEAR[word], "", word in SAME
    for suffix in _SUFFIXES:
        head = word.removesuffix(suffix)
        if head != word and (head in SAME or head in NEAR):
            schedule, exact = SPACED[suffix]
            return SAME.get(head) or NEAR[head], schedule, exact and head in SAME
    return "", "", False


def schedule(name: str) -> tuple[str, bool]:
    """(our schedule type or "", whether it is the same)."""
    record = SCHEDULES.find(clean(name))
    return (record.name, True) if record else SPACED.get(plain(name), ("", False))


def take(
    draft: Draft,
    key: str,
    name: object,
    schedule_key: str = "",
    schedule_name: object = None,
    *,
    unsaid: str = "Automatic",
    note: str = "",
    group: str = "",
) -> None:
    """Sets sampler and schedule. unsaid: the schedule type that the tool means when it names none. note: why this tool's are near, not the same.
    group: "hires." for those of the second pass, where what is not named repeats the first."""
    carried = ""
    if isinstance(name, str) and name.strip():
        ours, carried, same = sampler(name)
        if ours:
            draft.take(key, f"{group}sampler", ours, note or ("" if same else f"Easel has no {clean(name)[:60]}; {ours} is near it."), said=name)
        else:
            draft.leave(key, name, "Easel has no such sampler.")
    elif name is not None:
        draft.leave(key, name, "Easel expects the name of a sampler here.")
    if isinstance(schedule_name, str) and schedule_name.strip():
        ours, same = schedule(schedule_name)
        if ours:
            carried = carried if ours == "Automatic" and carried else ours
            draft.take(
                schedule_key,
                f"{group}schedule",
                carried,
                "" if same else f"Easel has no schedule {clean(schedule_name)[:60]}; {ours} is near it.",
                said=schedule_name,
            )
            return
        draft.leave(schedule_key, schedule_name, "Easel has no such schedule type.")
    if group:
        draft.values |= {f"{group}schedule": carried} if carried else {}
        return
    plain_enough = unsaid == "Uniform" and SAMPLERS.get(draft.values.get("sampler", "Euler")).schedule == "Automatic"
    draft.values["schedule"] = carried or ("Automatic" if plain_enough else unsaid)
