"""What a picture says it was made with: names and hashes of models, whatever tool wrote them. Knows no file of models; never raises.

Hashes are taken as they stand: the first eight digits of AUTOMATIC1111's old hash, ten or more of a sha256, of the weights alone (LoRAs, SwarmUI), blake3
(InvokeAI). Which of these one is, only the files that are here can tell. Sources: the tools' own files, as `infotext.foreign` reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from modules.infotext import grammar, limits
from modules.infotext.a1111 import without_json
from modules.infotext.files import Found
from modules.infotext.foreign.values import items, loads, mapping
from modules.infotext.names import clean, stem

Kind = Literal["checkpoint", "lora", "embedding", "vae", "control", "upscaler"]
MOST = 100
HASH = re.compile(r"(?:blake3[^:]{0,12}:|sha256:|0x)?(?P<digits>[0-9a-f]{8,64})$", re.IGNORECASE)
NAMED = re.compile(r"(?P<name>[^\[\]]+?)\s*\[(?P<hash>[0-9a-fA-F]{8,64})\]")
LORA = re.compile(r"<(?:lora|lyco):([^:<>]{1,200})")
WITHIN = re.compile(r"\b[Mm]odel: ([^,]{1,200})")

KEYS: Mapping[str, Kind] = {
    "model": "checkpoint", "main_model": "checkpoint", "base_model": "checkpoint", "refiner_model": "checkpoint", "ckpt_name": "checkpoint", "unet_name": "checkpoint",
    "loras": "lora", "lora": "lora", "lora_name": "lora", "vae": "vae", "vae_name": "vae", "vae_model": "vae",
    "controlnets": "control", "controlnet": "control", "control_model": "control", "control_net_name": "control", "ipadapters": "control", "ip_adapter_model": "control",
    "t2iadapters": "control", "t2i_adapter_model": "control", "embed": "embedding", "embeddings": "embedding", "upscale_model": "upscaler",
}  # fmt: skip
"""Keys of other tools' JSON -> what stands under them."""
RESOURCES: Mapping[str, Kind] = {
    "checkpoint": "checkpoint",
    "model": "checkpoint",
    "lora": "lora",
    "locon": "lora",
    "lycoris": "lora",
    "textualinversion": "embedding",
    "embed": "embedding",
}
"""Civitai's words."""
NONE = {"none", "automatic", "unknown", "baked vae", "use same checkpoint", "default (model)", ""}


@dataclass(frozen=True)
class Need:
    """name: stem of the file as the picture has it, "" where only a hash is said. hash: lower-case digits, "" where only the name is said."""

    kind: Kind
    name: str
    hash: str = ""


def needs(found: Found) -> list[Need]:
    """In the order in which they are said, each once."""
    together: dict[tuple[str, str], Need] = {}
    for need in _said(found):
        if need.name.casefold() in NONE and not need.hash:
            continue
        known = next((key for key, old in together.items() if _same(old, need)), None)
        if known is None:
            together[need.kind, need.name.casefold() or need.hash] = need
        else:
            old = together[known]
            together[known] = replace(old, name=old.name or need.name, hash=max(old.hash, need.hash, key=len))
        if len(together) >= MOST:
            break
    return list(together.values())


def _same(one: Need, other: Need) -> bool:
    if one.kind != other.kind:
        return False
    if one.hash and other.hash:
        return one.hash.startswith(other.hash) or other.hash.startswith(one.hash) or bool(one.name) and one.name.casefold() == other.name.casefold()
    return not one.name or not other.name or one.name.casefold() == other.name.casefold()


def _said(found: Found) -> Iterator[Need]:
    if found.document:
        yield from _own(mapping(found.document.get("request")) or found.document)
    for text in dict.fromkeys((found.parameters, *found.chunks.values())):
        tree = loads(text)
        if tree is None:
            yield from _a1111(text)
        else:
            yield from _walk(tree, "", 0, [limits.NODES])


def _own(request: Mapping[str, Any]) -> Iterator[Need]:
    yield _need("checkpoint", request.get("model"), request.get("model_hash"))
    refiner = mapping(request.get("refiner"))
    if refiner.get("checkpoint"):
        yield _need("checkpoint", refiner.get("checkpoint"), refiner.get("checkpoint_hash"))
    for key, kind in (("loras", "lora"), ("embeddings", "embedding")):
        for name, digest in mapping(request.get(key)).items():
            yield _need(kind, name, digest)  # type: ignore[arg-type]
    for name, digest in mapping(mapping(request.get("enlarging")).get("networks")).items():
        yield _need("upscaler", name, digest)


def _a1111(text: str) -> Iterator[Need]:
    text, tails = without_json(text)
    prompt, negative, pairs = grammar.split(text)
    said: dict[str, Any] = {**grammar.values(pairs), **tails}
    if not said:
        return
    if said.get("Model") or said.get("Model hash"):
        yield _need("checkpoint", said.get("Model", ""), said.get("Model hash"))
    for key in ("Refiner", "Hires checkpoint"):
        yield from _bracketed("checkpoint", said.get(key, ""))
    if said.get("VAE"):
        yield _need("vae", said["VAE"], said.get("VAE hash"))
    for key, kind in (("Lora hashes", "lora"), ("TI hashes", "embedding")):
        for part in said.get(key, "").split(","):
            name, _, digest = part.rpartition(":")
            if name.strip():
                yield _need(kind, name, digest)  # type: ignore[arg-type]
    for name, digest in mapping(said.get("Hashes")).items():
        word, _, rest = str(name).partition(":")
        kinds = {"lora": "lora", "lyco": "lora", "embed": "embedding", "vae": "vae", "model": "checkpoint"}
        if word.lower() in kinds:
            yield _need(kinds[word.lower()], rest, digest)  # type: ignore[arg-type]
    for item in items(said.get("Civitai resources")):
        listed = RESOURCES.get(str(mapping(item).get("type", "")).casefold())
        if listed and isinstance(mapping(item).get("modelName"), str):
            yield _need(listed, mapping(item)["modelName"])
    for key, value in said.items():
        if not isinstance(value, str):
            continue
        if key.startswith("ControlNet"):
            if model := WITHIN.search(value):
                yield from _bracketed("control", model[1])
        elif re.fullmatch(r"AddNet Model \d", key) and (old := re.fullmatch(r"(.+)\(([0-9a-f]{8,64})\)", value)):
            yield _need("lora", old[1], old[2])
    for name in LORA.findall(f"{prompt}\n{negative}"):
        yield _need("lora", name)


def _walk(tree: Any, key: str, depth: int, budget: list[int]) -> Iterator[Need]:
    """Every place in a tool's JSON where a model is named under a key that says what it is."""
    budget[0] -= 1
    if depth > limits.DEPTH or budget[0] < 0:
        return
    kind = KEYS.get(key.lower())
    if isinstance(tree, Mapping):
        name = next((tree[one] for one in ("name", "model_name") if isinstance(tree.get(one), str)), None)
        told = KEYS.get(str(tree.get("param", "")).lower(), kind)
        if told and name and ("hash" in tree or kind):
            yield _need(told, name, tree.get("hash"))
            return
        if isinstance(tree.get("base_model"), str) and tree.get("base_model_hash"):
            yield _need("checkpoint", tree["base_model"], tree["base_model_hash"])
        for name, value in tree.items():
            inner = key if kind and (name == "model" or str(name).lower() not in KEYS) else str(name)  # InvokeAI: loras[].model
            yield from _walk(value, inner, depth + 1, budget)
    elif isinstance(tree, list):
        if kind == "lora" and len(tree) >= 2 and isinstance(tree[0], str) and isinstance(tree[1], int | float):
            yield _need("lora", tree[0], tree[2] if len(tree) > 2 else "")
            return
        for value in tree:
            yield from _walk(value, key, depth + 1, budget)
    elif isinstance(tree, str):
        if kind and key.lower() not in ("base_model",) and re.search(r"\.(safetensors|ckpt|pt|pth|bin|gguf)$", tree, re.IGNORECASE):
            yield _need(kind, tree)
        elif tree[:1] in "{[" and (inner := loads(tree)) is not None:
            yield from _walk(inner, key, depth + 1, budget)
        elif LORA.search(tree):
            for name in LORA.findall(tree):
                yield _need("lora", name)


def _bracketed(kind: Kind, text: str) -> Iterator[Need]:
    """`name [hash]`."""
    if match := NAMED.fullmatch(text.strip()):
        yield _need(kind, match["name"], match["hash"])
    elif text.strip():
        yield _need(kind, text)


def _need(kind: Kind, name: object, digest: object = "") -> Need:
    match = HASH.fullmatch(digest.strip()) if isinstance(digest, str) else None
    return Need(kind, stem(clean(name)) if isinstance(name, str) else "", match["digits"].lower() if match else "")
