"""ComfyUI's two forms of graph as one: the one that was run (`prompt`: nodes by id, inputs are values or [node, slot]) and the editor's (`workflow`),
as far as its nodes are known. Walks along inputs; knows nothing of what nodes do."""

from __future__ import annotations

from collections import deque
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.infotext import limits
from modules.infotext.foreign.values import items, mapping, number, text

WIDGETS: Mapping[str, tuple[str, ...]] = {
    "KSampler": ("seed", "", "steps", "cfg", "sampler_name", "scheduler", "denoise"),
    "KSamplerAdvanced": ("add_noise", "noise_seed", "", "steps", "cfg", "sampler_name", "scheduler", "start_at_step", "end_at_step", ""),
    "SamplerCustom": ("add_noise", "noise_seed", "", "cfg"),
    "KSamplerSelect": ("sampler_name",),
    "BasicScheduler": ("scheduler", "steps", "denoise"),
    "RandomNoise": ("noise_seed", ""),
    "CFGGuider": ("cfg",),
    "CLIPTextEncode": ("text",),
    "CLIPTextEncodeFlux": ("clip_l", "t5xxl", "guidance"),
    "FluxGuidance": ("guidance",),
    "CLIPSetLastLayer": ("stop_at_clip_layer",),
    "CheckpointLoaderSimple": ("ckpt_name",),
    "CheckpointLoader": ("config_name", "ckpt_name"),
    "UNETLoader": ("unet_name", "weight_dtype"),
    "LoraLoader": ("lora_name", "strength_model", "strength_clip"),
    "EmptyLatentImage": ("width", "height", "batch_size"),
    "EmptySD3LatentImage": ("width", "height", "batch_size"),
    "LatentUpscale": ("upscale_method", "width", "height", "crop"),
    "LatentUpscaleBy": ("upscale_method", "scale_by"),
    "ImageScale": ("upscale_method", "width", "height", "crop"),
    "ImageScaleBy": ("upscale_method", "scale_by"),
    "UpscaleModelLoader": ("model_name",),
    "PrimitiveNode": ("value",),
    "ControlNetLoader": ("control_net_name",),
    "VAELoader": ("vae_name",),
}
"""The editor's form lists a node's values without names; "" is one that is not an input (what to do with the seed afterwards)."""

MUTED, BYPASSED = 2, 4
"""Modes of a node in the editor: it and what hangs on it does not run; it lets its inputs through."""


@dataclass
class Node:
    kind: str
    values: dict[str, Any] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    """Input name -> id of the node that feeds it."""


Graph = dict[str, Node]


def is_prompt(value: object) -> bool:
    return any(isinstance(node, Mapping) and isinstance(node.get("class_type"), str) for node in list(mapping(value).values())[:50])


def is_workflow(value: object) -> bool:
    return isinstance(mapping(value).get("nodes"), list)


def from_prompt(nodes: Mapping[str, Any]) -> Graph:
    graph: Graph = {}
    for name, node in list(nodes.items())[: limits.NODES]:
        if isinstance(node, Mapping) and isinstance(node.get("class_type"), str):
            made = graph[str(name)] = Node(node["class_type"])
            for key, value in mapping(node.get("inputs")).items():
                if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str | int):
                    made.links[str(key)] = str(value[0])
                else:
                    made.values[str(key)] = value
    return graph


def from_workflow(workflow: Mapping[str, Any]) -> Graph:
    """links: [id, from node, from slot, to node, to slot, type]."""
    origin = {str(link[0]): str(link[1]) for link in items(workflow.get("links")) if isinstance(link, list) and len(link) >= 2}
    graph: Graph = {}
    for node in items(workflow.get("nodes"))[: limits.NODES]:
        if not isinstance(node, Mapping) or node.get("mode") == MUTED:
            continue
        made = graph[str(node.get("id"))] = Node(text(node.get("type")))
        for wire in items(node.get("inputs")):
            source = origin.get(str(wire.get("link"))) if isinstance(wire, Mapping) else None
            if source is not None:
                made.links[str(wire.get("name"))] = source
        widgets = node.get("widgets_values") if node.get("mode") != BYPASSED else None
        if isinstance(widgets, Mapping):
            made.values = {str(key): value for key, value in widgets.items()}
        else:
            made.values = {key: value for key, value in zip(WIDGETS.get(made.kind, ()), items(widgets), strict=False) if key and key not in made.links}
    return graph


def upstream(graph: Graph, start: str, names: Iterable[str] = (), stop: Container[str] = ()) -> Iterator[str]:
    """Node ids from `start` backwards, each once, nearest first. names: which inputs are followed, besides those without a name; all when empty.
    stop: nodes that are not entered."""
    wanted, waiting, seen = set(names), deque([start]), {start}
    while waiting:
        here = waiting.popleft()
        if here not in graph or here in stop:
            continue
        yield here
        for name, source in graph[here].links.items():
            if source not in seen and (not wanted or not name or name in wanted):
                seen.add(source)
                waiting.append(source)


def value(graph: Graph, node: str, *names: str, depth: int = 8) -> Any:
    """An input's value, also one that another node provides."""
    for _ in range(depth):
        made = graph.get(node)
        if made is None:
            return None
        given = next((made.values[name] for name in names if made.values.get(name) not in (None, "")), None)
        if given is not None:
            return given
        link = next((made.links[name] for name in names if name in made.links), None)
        if link is None:
            return None
        node, names = link, (*names, "value", "seed", "int", "float", "number", "Value")
    return None


def find(graph: Graph, node: str, through: tuple[str, ...], *names: str) -> Any:
    """A value of the node, else of the nodes before it along the given inputs."""
    return next((found for name in upstream(graph, node, through) if (found := value(graph, name, *names)) is not None), None)


def settings(graph: Graph, node: str) -> dict[str, Any]:
    """What a node says of itself, to be shown."""
    return {name: given for name, given in graph[node].values.items() if isinstance(given, str | int | float)}


def latent_of(graph: Graph, node: str) -> str:
    """The node that feeds a sampler's latents; "" when none does."""
    return next((graph[node].links[name] for name in ("latent_image", "latent", "samples") if name in graph[node].links), "")


def sides(graph: Graph, node: str, width: tuple[str, ...] = ("width",), height: tuple[str, ...] = ("height",)) -> tuple[int, int] | None:
    """The size that a node names, in pixels; one side of a target may be 0."""
    wide, high = (number(value(graph, node, *names)) for names in (width, height))
    if wide is None or high is None or min(wide, high) < 0 or not 0 < max(wide, high) < 1e6:
        return None
    return int(wide), int(high)
