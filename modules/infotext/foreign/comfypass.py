"""ComfyUI's second sampler on an enlarged picture -> the request's second pass, as near as it comes. Reads one graph; what nodes are called hardly matters.

Restored only where it is a pass that Easel's hires fix could make: the same checkpoint, fed by the first sampler, with part of the noise added again.
"""

from __future__ import annotations

from collections.abc import Iterable

from modules.infotext import keys, passes
from modules.infotext.foreign import samplers
from modules.infotext.foreign.graph import Graph, find, latent_of, sides, upstream, value
from modules.infotext.foreign.values import number, text
from modules.infotext.reading import Draft

MODELS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "checkpoint")
FACTORS = ("scale_by", "upscale_by", "scale_factor", "rescale_factor", "upscale_factor", "upscale")
METHODS = ("upscale_method", "resampling_method", "rescale_method", "interpolation", "method")


def redrawn(graph: Graph, node: str) -> tuple[float | None, bool]:
    """(share of the noise that a sampler adds again; None when it does not say. Whether the steps that it names are all run; else that share of them)."""
    denoise = number(find(graph, node, ("sigmas",), "denoise"))
    start, steps = number(value(graph, node, "start_at_step")), number(value(graph, node, "steps"))
    if denoise is None and start is not None and steps and 0 <= start < steps:
        return 1 - start / steps, False
    return denoise, True


def checkpoint(graph: Graph, node: str) -> str:
    ways = upstream(graph, node, ("model", "guider", "base_model", "unet"))
    return next((found for name in ways for key in MODELS if (found := text(graph[name].values.get(key)))), "")


def read(draft: Draft, graph: Graph, base: str, second: str, others: Iterable[str], size: tuple[int, int]) -> bool:
    """Says whether it could be restored. others: further samplers. size: of the picture in pixels, if it was not enlarged once more."""
    between = list(upstream(graph, latent_of(graph, second), stop={base}))
    fed = latent_of(graph, second) == base or any(base in graph[name].links.values() for name in between)
    strength, whole = redrawn(graph, second)
    alike = checkpoint(graph, second) == checkpoint(graph, base)
    if not fed or not alike or strength is None or not 0 < strength <= 1 or set(between) & set(others) or graph[second].values.get("add_noise") == "disable":
        return False
    enlarging = [name for name in between if _enlarges(graph, name)]
    if not _target(draft, graph, enlarging, size):
        return False
    draft.values["hires.enabled"] = True
    draft.take("second pass: denoise", "hires.strength", strength, keys.NEAR)
    _method(draft, graph, enlarging, any("vaeencode" in graph[name].kind.casefold() for name in between))
    steps = number(find(graph, second, ("sigmas",), "steps"))
    if steps is not None:
        draft.take("second pass: steps", "hires.steps", steps if whole else max(1, round(steps * strength)))
    scheduler = find(graph, second, ("sigmas",), "scheduler")
    samplers.take(
        draft, "second pass: sampler_name", find(graph, second, ("sampler",), "sampler_name"), "second pass: scheduler", text(scheduler), group="hires."
    )
    for key, names, through, reason in (("cfg", ("cfg", "guidance"), "guider", keys.GUIDED), ("seed", ("seed", "noise_seed"), "noise", keys.SEEDED)):
        theirs, ours = (find(graph, node, (through,), *names) for node in (second, base))
        if theirs != ours:
            draft.leave(f"second pass: {key}", theirs, reason)
    return True


def _enlarges(graph: Graph, name: str) -> bool:
    node = graph[name]
    return bool({*FACTORS, "upscale_model", "megapixels"} & {*node.values, *node.links}) or any(word in node.kind.casefold() for word in ("scale", "resize"))


def _target(draft: Draft, graph: Graph, enlarging: list[str], size: tuple[int, int]) -> bool:
    """The last node's size where it names one, the factor of a single one, else the picture's own size. Nothing that enlarges is a factor of 1."""
    models = [name for name in enlarging if "upscale_model" in graph[name].links]
    factor = number(value(graph, enlarging[0], *FACTORS)) if enlarging else 1.0
    if enlarging and (named := sides(graph, enlarging[0])):
        draft.size("second pass: width x height", *named, names=("hires.width", "hires.height"))
    elif factor is not None and len(enlarging) < 2 and not models:
        draft.take("second pass: scale", "hires.scale", factor)
    elif min(size) > 0:
        draft.size("second pass: width x height", *size, keys.OWN_SIZE, names=("hires.width", "hires.height"))
    else:
        return False
    return True


def _method(draft: Draft, graph: Graph, enlarging: list[str], pixels: bool) -> None:
    """Upscalers that are files are named by their loader."""
    loaders = (graph[name].links["upscale_model"] for name in enlarging if "upscale_model" in graph[name].links)
    model = next((text(value(graph, loader, "model_name")) for loader in loaders), "")
    if model:
        passes.upscaler(draft, "second pass: model_name", model)
    elif enlarging:
        method = text(value(graph, enlarging[0], *METHODS)) or graph[enlarging[0]].kind
        passes.upscaler(draft, "second pass: upscale_method", f"{'pixel' if pixels else 'latent'} {method}")
