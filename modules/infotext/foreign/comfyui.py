"""ComfyUI's graph -> request. The sampler that starts from an empty picture is the request; later ones are a second pass, which is not restored.

Names of inputs decide, not names of nodes, so that most custom nodes are understood.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.core.request import PROMPT_LIMIT
from modules.infotext import keys, limits
from modules.infotext.foreign import samplers, weights
from modules.infotext.foreign.graph import Graph, Node, from_prompt, from_workflow, is_prompt, upstream, value
from modules.infotext.foreign.values import mapping, number, text
from modules.infotext.names import file_name, shown
from modules.infotext.reading import Draft, Reading

NOISE = "ComfyUI draws its noise on the CPU."
EMPHASIS = "ComfyUI weighs words by another rule; compel's is nearest to it."
MODELS = ("ckpt_name", "unet_name", "model_name", "base_ckpt_name", "checkpoint")
TEXTS = (
    "text", "text_g", "clip_l", "text_l", "t5xxl", "prompt", "string", "value", "string_a", "text_a", "text1", "string_b", "text_b", "text2", "populated_text",
    "wildcard_text",
)  # fmt: skip
"""Inputs that hold words, in the order in which they are joined."""


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
    _canvas(draft, graph, base)
    for other in later:
        draft.leave(graph[other].kind, _settings(graph, other), keys.HIRES)
    draft.noise("CPU", NOISE)
    return draft.reading(size)


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
    latent = next((graph[sampler].links[name] for name in ("latent_image", "latent", "samples") if name in graph[sampler].links), sampler)
    for name in upstream(graph, latent):
        sides = [number(value(graph, name, *names)) for names in (("width", "empty_latent_width"), ("height", "empty_latent_height"))]
        if all(side is not None and 0 < side < 1e6 for side in sides):
            return int(sides[0] or 0), int(sides[1] or 0)
    return None


def _settings(graph: Graph, node: str) -> dict[str, Any]:
    return {name: given for name, given in graph[node].values.items() if isinstance(given, str | int | float)}


def _find(graph: Graph, node: str, through: tuple[str, ...], *names: str) -> Any:
    """A value of the node, else of the nodes before it along the given inputs."""
    return next((found for name in upstream(graph, node, through) if (found := value(graph, name, *names)) is not None), None)


def _sampler(draft: Draft, graph: Graph, node: str) -> None:
    draft.take("seed", "seed", _find(graph, node, ("noise",), "seed", "noise_seed"))
    draft.take("steps", "steps", _find(graph, node, ("sigmas",), "steps"))
    draft.take("cfg", "cfg_scale", _find(graph, node, ("guider",), "cfg", "guidance"))
    if not any(row.key == "cfg" for row in draft.rows) and any(graph[name].kind == "BasicGuider" for name in upstream(graph, node, ("guider",))):
        draft.take("BasicGuider", "cfg_scale", 1.0)
    scheduler = _find(graph, node, ("sigmas",), "scheduler")
    spaced = next((graph[name].kind for name in upstream(graph, node, ("sigmas",)) if "Scheduler" in graph[name].kind), "")
    named = scheduler or spaced.removesuffix("Scheduler").removesuffix("Basic")
    samplers.take(draft, "sampler_name", _find(graph, node, ("sampler",), "sampler_name"), "scheduler", named, unsaid="Normal")
    denoise = number(_find(graph, node, ("sigmas",), "denoise"))
    if denoise is not None and denoise < 1:
        draft.leave("denoise", denoise, keys.INIT)
    for name in ("start_at_step", "end_at_step"):
        step = number(graph[node].values.get(name))
        if step is not None and (step > 0 if name == "start_at_step" else step < (number(value(graph, node, "steps")) or 0)):
            draft.leave(name, step, "Only a part of the steps was run by this sampler.")


@dataclass
class Search:
    """One walk behind a conditioning input. key: positive or negative. known: nodes that were read already. escaped: whether characters were."""

    draft: Draft
    graph: Graph
    key: str
    known: dict[str, str] = field(default_factory=dict)
    escaped: bool = False


def _prompts(draft: Draft, graph: Graph, node: str) -> None:
    written = {}
    for key in ("positive", "negative"):
        search = Search(draft, graph, key)
        names = (key, "conditioning") if key == "positive" else (key,)
        start = next((graph[place].links[name] for place in upstream(graph, node, ("guider",)) for name in names if name in graph[place].links), node)
        written[key] = _leaf(search, graph[node].values.get(key)) if start == node else _conditioning(search, start)
        if written[key] or key == "positive":
            draft.prompt(key, written[key], negative=key == "negative", note="Characters that mean something only here are escaped." if search.escaped else "")
    if any("(" in prompt.replace("\\(", "") for prompt in written.values()):
        draft.take("emphasis", "text.emphasis", "compel", EMPHASIS, said="ComfyUI")
    layers = (number(value(graph, name, "stop_at_clip_layer")) for name in upstream(graph, node))
    layer = next((found for found in layers if found is not None), None)
    if layer is not None and layer < -1:
        draft.take("stop_at_clip_layer", "text.clip_skip", int(-layer) if layer > -100 else 100, said=layer)


def _leaf(search: Search, words: object) -> str:
    written = weights.comfy(text(words).strip())
    search.escaped |= written != text(words).strip()
    return written


def _conditioning(search: Search, start: str) -> str:
    """The text behind a conditioning input; combined ones by the nearest of A1111's means."""
    node = search.graph.get(start)
    if node is None or start in search.known or len(search.known) > limits.DEPTH:
        return search.known.get(start, "")
    search.known[start] = ""
    kind = node.kind.casefold()
    if "zeroout" in kind:
        return ""
    if text(node.values.get(search.key)):
        return _leaf(search, node.values[search.key])
    if "controlnet" in kind:
        search.draft.leave(node.kind, _settings(search.graph, start) or node.kind, keys.CONTROL)
    elif any(word in kind for word in ("unclip", "ipadapter", "gligen", "stylemodel", "setarea", "setmask", "timesteprange", "guidance")):
        search.draft.leave(node.kind, _settings(search.graph, start) or node.kind, "This kind of conditioning is not restored.")
    branches = [node.links[search.key]] if search.key in node.links else [link for name, link in node.links.items() if not name or name.startswith("cond")]
    if branches:
        search.known[start] = _together(search, start, [part for link in branches[:8] if (part := _conditioning(search, link))])
    else:
        search.known[start] = _leaf(search, _words(search.graph, start, {}))
    return search.known[start]


def _together(search: Search, node: str, parts: list[str]) -> str:
    if len(parts) < 2:
        return "".join(parts)
    kind = search.graph[node].kind
    search.draft.leave(kind, _settings(search.graph, node) or kind, "Joined conditionings are near, not the same.")
    whole = " BREAK ".join(parts) if "concat" in kind.casefold() else " AND ".join(f"{part} :{1 / len(parts):.4g}" for part in parts)
    return whole[: 2 * PROMPT_LIMIT]


def _words(graph: Graph, node: str, known: dict[str, str]) -> str:
    """What a node's text inputs say together, each text once; they may come from other nodes."""
    made = graph.get(node)
    if made is None or node in known or len(known) > limits.DEPTH:
        return known.get(node, "")
    known[node] = ""
    found = [text(made.values.get(name)) or (_words(graph, made.links[name], known) if name in made.links else "") for name in TEXTS]
    between = text(made.values.get("delimiter")) if "delimiter" in made.values else ", "
    known[node] = between.join(dict.fromkeys(filter(None, found)))[: 2 * PROMPT_LIMIT]
    return known[node]


def _model(draft: Draft, graph: Graph, node: str) -> None:
    done = False
    for name in upstream(graph, node, ("model", "guider", "base_model", "unet", "lora_stack", "optional_lora_stack")):
        made = graph[name]
        for lora, strength in _loras(made):
            draft.leave(made.kind, f"{file_name(lora)}: {shown(strength)}", keys.LORA)
        found = next((text(made.values[key]) for key in MODELS if text(made.values.get(key))), "")
        if found and not done:
            draft.model(made.kind, found)
            done = True
        elif "ipadapter" in made.kind.casefold():
            draft.leave(made.kind, _settings(graph, name) or made.kind, "A picture that serves as a prompt is not restored.")
    vae = next((file_name(text(made.values.get("vae_name"))) for made in graph.values() if "vae_name" in made.values), "")
    draft.leave("vae_name", vae if vae not in ("Baked VAE", "None") else "", keys.FILES)


def _loras(node: Node) -> Iterator[tuple[str, Any]]:
    """(file, strength) of loaders for one, of stacks with numbered inputs, and of those that keep each in an object."""
    for key, given in node.values.items():
        if key.startswith("lora_name") and text(given) not in ("", "None"):
            yield text(given), node.values.get(key.replace("lora_name", "strength_model"), node.values.get(key.replace("lora_name", "lora_wt"), 1))
        elif isinstance(given, Mapping) and text(given.get("lora")) not in ("", "None") and given.get("on", True):
            yield text(given["lora"]), given.get("strength", 1)


def _canvas(draft: Draft, graph: Graph, node: str) -> None:
    latent = next((graph[node].links[name] for name in ("latent_image", "latent", "samples") if name in graph[node].links), "")
    for name in upstream(graph, latent) if latent else ():
        kind = graph[name].kind.casefold()
        if "vaeencode" in kind or "setlatentnoisemask" in kind:
            draft.leave(graph[name].kind, _settings(graph, name) or graph[name].kind, keys.MASK if "inpaint" in kind or "mask" in kind else keys.INIT)
    if size := _size(graph, node):
        draft.size("width x height", *size)
    batch = number(_find(graph, latent, (), "batch_size")) if latent else None
    if batch is not None and batch > 1:
        draft.leave("batch_size", batch, "ComfyUI draws the noise of a batch in one go: only its first picture can be made again from the seed.")
