"""ComfyUI's graph -> request. The sampler that starts first is the request; one that follows on an enlarged picture is its second pass (`comfypass`).

Names of inputs decide, not names of nodes, so that most custom nodes are understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from modules.infotext import keys, passes
from modules.infotext.foreign import comfypass, comfytext, samplers
from modules.infotext.foreign.comfypass import MODELS
from modules.infotext.foreign.graph import Graph, Node, find, from_prompt, from_workflow, is_prompt, latent_of, settings, sides, upstream, value
from modules.infotext.foreign.values import mapping, number, text
from modules.infotext.names import file_name, shown
from modules.infotext.reading import Draft, Reading

NOISE = "ComfyUI draws its noise on the CPU."
EMPHASIS = "ComfyUI weighs words by another rule; compel's is nearest to it."


def read(prompt: object, workflow: object = None, size: tuple[int, int] = (0, 0)) -> Reading:
    """prompt, workflow: JSON values or texts, either may be missing. size: of the picture in pixels."""
    draft = Draft("ComfyUI")
    graph = from_prompt(mapping(prompt)) if is_prompt(prompt) else from_workflow(mapping(workflow))
    base, later = _passes(graph, size)
    if not base:
        draft.say("No sampler was found in ComfyUI's graph, so nothing could be restored.")
        draft.leave("prompt", shown(prompt or workflow), "No sampler was found in this graph.")
        return draft.reading()
    _sampler(draft, graph, base)
    _prompts(draft, graph, base)
    _model(draft, graph, base)
    begun = _canvas(draft, graph, base)
    _later(draft, graph, base, later, size, begun)
    draft.noise("CPU", NOISE)
    return draft.reading(size)


def _later(draft: Draft, graph: Graph, base: str, later: list[str], size: tuple[int, int], begun: bool) -> None:
    """The sampler nearest to the first that can be its second pass is taken as one."""
    second = ""
    for other in reversed(later) if not begun else ():
        others = [name for name in later if name != other]
        if comfypass.read(draft, graph, base, other, others, size if not others else (0, 0)):
            second = other
            break
    if second:
        _second_prompts(draft, graph, base, second)
    for other in later:
        if other != second:
            draft.leave(graph[other].kind, settings(graph, other), keys.ALONE if begun else keys.LATER)


def _samples(node: Node) -> bool:
    given = {*node.values, *node.links}
    return bool({"latent_image", "latent", "samples", "positive", "guider"} & given) and bool(
        ({"seed", "noise_seed", "noise"} & given) and ({"steps", "sigmas"} & given) or "sampler" in given and "sigmas" in given
    )


def _passes(graph: Graph, size: tuple[int, int]) -> tuple[str, list[str]]:
    """(the sampler that the picture began with, the later ones). Of several results the one of the picture's size is taken, else the longest chain."""
    fed = {source for node in graph.values() for source in node.links.values()}
    ends = [name for name in graph if name not in fed] or list(graph)[:1]
    chains = [[name for name in upstream(graph, end) if _samples(graph[name])] for end in ends[:50]]
    chains = [chain for chain in chains if chain]
    if not chains:
        return "", []
    best = max(chains, key=lambda chain: (_size(graph, chain[0]) == size and min(size) > 0, len(chain)))
    first = next((name for name in reversed(best) if not any(_samples(graph[other]) for other in upstream(graph, name) if other != name)), best[-1])
    return first, [name for name in best if name != first]


def _size(graph: Graph, sampler: str) -> tuple[int, int] | None:
    """The size that a sampler works at: the nearest node before it that names one."""
    for name in upstream(graph, latent_of(graph, sampler) or sampler):
        if (found := sides(graph, name, ("width", "empty_latent_width"), ("height", "empty_latent_height"))) and min(found) > 0:
            return found
    return None


def _sampler(draft: Draft, graph: Graph, node: str) -> None:
    draft.take("seed", "seed", find(graph, node, ("noise",), "seed", "noise_seed"))
    draft.take("steps", "steps", find(graph, node, ("sigmas",), "steps"))
    draft.take("cfg", "cfg_scale", find(graph, node, ("guider",), "cfg", "guidance"))
    if not any(row.key == "cfg" for row in draft.rows) and any(graph[name].kind == "BasicGuider" for name in upstream(graph, node, ("guider",))):
        draft.take("BasicGuider", "cfg_scale", 1.0)
    told = (value(graph, name, "guidance") for name in upstream(graph, node, ("guider", "conditioning", "positive")) if "flux" in graph[name].kind.casefold())
    draft.take("guidance", "guidance.distilled", next((found for found in told if found is not None), None))
    scheduler = find(graph, node, ("sigmas",), "scheduler")
    spaced = next((graph[name].kind for name in upstream(graph, node, ("sigmas",)) if "Scheduler" in graph[name].kind), "")
    named = scheduler or spaced.removesuffix("Scheduler").removesuffix("Basic")
    samplers.take(draft, "sampler_name", find(graph, node, ("sampler",), "sampler_name"), "scheduler", named, unsaid="Normal")
    end, steps = number(graph[node].values.get("end_at_step")), number(value(graph, node, "steps"))
    if end is not None and end < (steps or 0):
        draft.leave("end_at_step", end, "Only a part of the steps was run by this sampler.")


def _prompts(draft: Draft, graph: Graph, node: str) -> None:
    for key in ("positive", "negative"):
        written, note = comfytext.written(draft, graph, node, key)
        if written or key == "positive":
            draft.prompt(key, written, negative=key == "negative", note=note)
        _weighed(draft, written)
    layers = (number(value(graph, name, "stop_at_clip_layer")) for name in upstream(graph, node))
    layer = next((found for found in layers if found is not None), None)
    if layer is not None and layer < -1:
        draft.take("stop_at_clip_layer", "text.clip_skip", int(-layer) if layer > -100 else 100, said=layer)


def _second_prompts(draft: Draft, graph: Graph, base: str, second: str) -> None:
    """Only where they are not the first pass's."""
    for key in ("positive", "negative"):
        if comfytext.start(graph, base, key) == comfytext.start(graph, second, key):
            continue
        written, note = comfytext.written(draft, graph, second, key)
        if written and written != draft.values.get("prompt" if key == "positive" else "negative_prompt", ""):
            draft.prompt(f"second pass: {key}", written, negative=key == "negative", note=note, group="hires.")
            _weighed(draft, written)


def _weighed(draft: Draft, written: str) -> None:
    if "(" in written.replace("\\(", "") and draft.values.get("text.emphasis") != "compel":
        draft.take("emphasis", "text.emphasis", "compel", EMPHASIS, said="ComfyUI")


def _model(draft: Draft, graph: Graph, node: str) -> None:
    done = False
    for name in upstream(graph, node, ("model", "guider", "base_model", "unet", "lora_stack", "optional_lora_stack")):
        made = graph[name]
        for lora, strength, text_strength in _loras(made):
            draft.lora(made.kind, file_name(lora), strength, text_strength)
        found = next((text(made.values[key]) for key in MODELS if text(made.values.get(key))), "")
        if found and not done:
            draft.model(made.kind, found)
            done = True
        elif "ipadapter" in made.kind.casefold():
            draft.leave(made.kind, settings(graph, name) or made.kind, "A picture that serves as a prompt is not restored.")
    vae = next((file_name(text(made.values.get("vae_name"))) for made in graph.values() if "vae_name" in made.values), "")
    draft.leave("vae_name", vae if vae not in ("Baked VAE", "None") else "", keys.FILES)


def _loras(node: Node) -> Iterator[tuple[str, Any, Any]]:
    """(file, strength, that of the text encoder or None) of loaders for one, of stacks with numbered inputs, and of those that keep each in an object."""
    for key, given in node.values.items():
        if key.startswith("lora_name") and text(given) not in ("", "None"):
            strength = node.values.get(key.replace("lora_name", "strength_model"), node.values.get(key.replace("lora_name", "lora_wt"), 1))
            yield text(given), strength, node.values.get(key.replace("lora_name", "strength_clip"))
        elif isinstance(given, Mapping) and text(given.get("lora")) not in ("", "None") and given.get("on", True):
            yield text(given["lora"]), given.get("strength", 1), given.get("strengthTwo")


def _canvas(draft: Draft, graph: Graph, node: str) -> bool:
    """Size and start. Says whether the picture was made from another one."""
    latent = latent_of(graph, node)
    begun = masked = False
    for name in upstream(graph, latent) if latent else ():
        kind = graph[name].kind.casefold()
        if "vaeencode" in kind or "setlatentnoisemask" in kind:
            painted = "inpaint" in kind or "mask" in kind
            begun, masked = True, masked or painted
            draft.leave(graph[name].kind, settings(graph, name) or graph[name].kind, keys.MASK if painted else keys.INIT)
    strength, whole = comfypass.redrawn(graph, node)
    if begun:
        passes.begun(draft, "denoise", strength, masked=masked)
        draft.values["init.fix_steps"] = whole
    elif strength is not None and strength < 1:
        draft.leave("denoise", strength, keys.INIT_ONLY)
    if size := _size(graph, node):
        draft.size("width x height", *size)
    batch = number(find(graph, latent, (), "batch_size")) if latent else None
    if batch is not None and batch > 1:
        draft.leave("batch_size", batch, "ComfyUI draws the noise of a batch in one go: only its first picture can be made again from the seed.")
    return begun
