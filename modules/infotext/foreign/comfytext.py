"""The words behind a sampler's conditioning in ComfyUI's graph, as one prompt in A1111's form.

Names of inputs decide, not names of nodes. What cannot be said in words (ControlNet, areas) is shown as not restored.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from modules.core.limits import PROMPT_LIMIT
from modules.infotext import keys, limits
from modules.infotext.foreign import weights
from modules.infotext.foreign.graph import Graph, settings, upstream
from modules.infotext.foreign.values import text
from modules.infotext.reading import Draft

ESCAPED = "Characters that mean something only here are escaped."
TEXTS = (
    "text", "text_g", "clip_l", "text_l", "t5xxl", "prompt", "string", "value", "string_a", "text_a", "text1", "string_b", "text_b", "text2", "populated_text",
    "wildcard_text",
)  # fmt: skip
"""Inputs that hold words, in the order in which they are joined."""


@dataclass
class Search:
    """One walk behind a conditioning input. key: positive or negative. known: nodes that were read already. escaped: whether characters were."""

    draft: Draft
    graph: Graph
    key: str
    known: dict[str, str] = field(default_factory=dict)
    escaped: bool = False


def start(graph: Graph, node: str, key: str) -> str:
    """The node behind a sampler's conditioning input; the sampler itself when it holds the text."""
    names = (key, "conditioning") if key == "positive" else (key,)
    return next((graph[place].links[name] for place in upstream(graph, node, ("guider",)) for name in names if name in graph[place].links), node)


def written(draft: Draft, graph: Graph, node: str, key: str) -> tuple[str, str]:
    """(the text behind a sampler's positive or negative, why it is near, not the same)."""
    search = Search(draft, graph, key)
    begin = start(graph, node, key)
    found = _leaf(search, graph[node].values.get(key)) if begin == node else _conditioning(search, begin)
    return found, ESCAPED if search.escaped else ""


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
        search.draft.leave(node.kind, settings(search.graph, start) or node.kind, keys.CONTROL)
    elif any(word in kind for word in ("unclip", "ipadapter", "gligen", "stylemodel", "setarea", "setmask", "timesteprange")) or (
        "guidance" in kind and "flux" not in kind
    ):
        search.draft.leave(node.kind, settings(search.graph, start) or node.kind, "This kind of conditioning is not restored.")
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
    search.draft.leave(kind, settings(search.graph, node) or kind, "Joined conditionings are near, not the same.")
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
