"""What can be chosen, in A1111's shapes: samplers, schedule types, upscalers, checkpoints, embeddings, styles; and what the command line said, without its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import psutil

from modules.catalog import header
from modules.catalog.card import Card
from modules.catalog.cards import vectors
from modules.core.errors import EaselError
from modules.core.options import Options
from modules.core.records.samplers import SAMPLERS, SamplerRecord
from modules.core.records.schedules import SCHEDULES
from modules.core.records.upscalers import IMAGE_UPSCALERS, LATENT_UPSCALERS
from modules.engine.face_names import RESTORERS
from modules.engine.loras import ALIAS
from modules.extension.shelf import Entry
from modules.prompt.styles import Style

LONGEST = 2**20
"""Characters of one entry of a file's metadata; longer ones are pictures."""

NOT_BUILT: Mapping[str, Any] = {
    "/hypernetworks": [],
}
"""Lists that clients fetch when they connect and that hold nothing yet."""


def vaes(cards: Iterable[Card]) -> list[dict[str, str]]:
    """`[{model_name, filename}]` of those that can be used."""
    return [{"model_name": card.path.name, "filename": str(card.path)} for card in cards if not card.trouble]


def extensions(found: Iterable[Entry]) -> list[dict[str, Any]]:
    """`[{name, remote, branch, commit_hash, version, commit_date, enabled}]`; none of ours comes from a repository."""
    nowhere = {"remote": "", "branch": "", "commit_hash": "", "commit_date": 0}
    return [{"name": one.name, **nowhere, "version": one.version, "enabled": one.state == "on"} for one in found]


def samplers() -> list[dict[str, Any]]:
    """`[{name, aliases, options}]`, the options as text, as A1111 has them."""
    return [{"name": record.name, "aliases": list(record.aliases), "options": _habits(record)} for record in SAMPLERS]


def _habits(record: SamplerRecord) -> dict[str, str]:
    habits = {"scheduler": SCHEDULES.get(record.schedule).key} if record.schedule != "Automatic" else {}
    flags = {
        "discard_next_to_last_sigma": record.discard_penultimate,
        "uses_ensd": record.uses_ensd,
        "second_order": record.second_order,
        "brownian_noise": record.brownian,
    }
    habits |= {name: "True" for name, held in flags.items() if held}
    return habits | ({"solver_type": "heun"} if record.brownian and record.name.endswith("Heun") else {})


def schedulers() -> list[dict[str, Any]]:
    """`[{name, label, aliases, default_rho, need_inner_model}]`"""
    return [
        {
            "name": record.key,
            "label": record.name,
            "aliases": [alias for alias in record.aliases if alias != record.key] or None,
            "default_rho": record.rho,
            "need_inner_model": record.needs_model,
        }
        for record in SCHEDULES
    ]


def upscalers(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """`[{name, model_name, model_path, model_url, scale}]`, "None" first: SillyTavern puts the latent ones behind it."""
    plain = [{"name": name, "model_name": None, "model_path": None, "model_url": None, "scale": 4.0} for name in IMAGE_UPSCALERS]
    files = [
        {"name": card.name, "model_name": card.family or None, "model_path": str(card.path), "model_url": None, "scale": float(card.scale or 4)}
        for card in cards
        if not card.trouble
    ]
    return [*plain, *files]


def real_esrgan(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """`[{name, path, scale}]`"""
    return [
        {"name": card.name, "path": str(card.path), "scale": card.scale or 4} for card in cards if card.family.startswith("Real-ESRGAN") and not card.trouble
    ]


def face_restorers(cards: Iterable[Card], missing: Mapping[str, list[str]]) -> list[dict[str, Any]]:
    """`[{name, cmd_dir}]` of those that can be used. missing: as `App.missing_faces` tells it."""
    usable = {RESTORERS[name].family for name, files in missing.items() if not files}
    folders = {card.family: str(card.path.parent) for card in cards if not card.trouble}
    return [{"name": family, "cmd_dir": folder} for family, folder in sorted(folders.items()) if family in usable]


def latent_upscalers() -> list[dict[str, Any]]:
    return [{"name": name} for name in LATENT_UPSCALERS]


def styles(found: Mapping[str, Style]) -> list[dict[str, Any]]:
    return [{"name": style.name, "prompt": style.prompt, "negative_prompt": style.negative_prompt} for style in found.values()]


def embeddings(cards: Iterable[Card]) -> dict[str, Any]:
    """`{loaded, skipped}`, by name. loaded: what a prompt may name; skipped: what cannot be used. Who trained them, and how long, is not in the files that are read."""
    found: dict[str, dict[str, Any]] = {"loaded": {}, "skipped": {}}
    for card in cards:
        try:
            count, width = (0, 0) if card.trouble else vectors(header.read(card.path)) or (0, 0)
        except EaselError:  # gone or damaged since the folder was read
            count, width = 0, 0
        row = {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": width, "vectors": count}
        found["loaded" if count and card.family else "skipped"][card.name] = row
    return found


def loras(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """`[{name, alias, path, metadata}]` of those that a prompt may name; metadata: all that the file tells of itself, tables in it as tables."""
    return [
        {"name": card.name, "alias": card.metadata.get(ALIAS) or card.name, "path": str(card.path), "metadata": _told(card)}
        for card in cards
        if not card.trouble
    ]


def _told(card: Card) -> dict[str, Any]:
    try:
        metadata = header.read(card.path).metadata
    except EaselError:  # gone or damaged since the folder was read
        return {}
    return {key: _table(value) for key, value in metadata.items() if len(value) <= LONGEST}


def _table(value: str) -> Any:
    try:
        return json.loads(value) if value.startswith("{") else value
    except (ValueError, RecursionError):
        return value


def checkpoints(cards: Iterable[Card]) -> list[dict[str, Any]]:
    """`[{title, model_name, hash, sha256, filename, config}]` of those that can be used; hashes are null until they are known."""
    return [
        {
            "title": card.title,
            "model_name": card.name,
            "hash": card.short_hash or None,
            "sha256": card.sha256 or None,
            "filename": str(card.path),
            "config": str(card.config) if card.config else None,
        }
        for card in cards
        if not card.trouble
    ]


def command_line(options: Options) -> dict[str, Any]:
    """The flags that this server was started with, under A1111's names. Passwords are not told: `api_auth` and `gradio_auth` say only whether there are any."""
    serve, device, paths = options.serve, options.device, options.paths
    return {
        "data_dir": str(paths.data),
        "models_dir": str(paths.models),
        "ckpt_dir": str(paths.checkpoints[0]) if paths.checkpoints else None,
        "embeddings_dir": str(paths.embeddings[0] if paths.embeddings else paths.models / "embeddings"),
        "medvram": device.placement == "medvram",
        "lowvram": device.placement == "lowvram",
        "no_half": device.no_half,
        "no_half_vae": device.no_half_vae,
        "use_cpu": ["all"] if device.device == "cpu" else [],
        "opt_split_attention": device.attention in ("split", "slices"),
        "opt_sdp_attention": device.attention == "sdpa",
        "xformers": device.attention == "xformers",
        "listen": serve.listen,
        "port": serve.port,
        "server_name": serve.server_name or None,
        "share": serve.share,
        "subpath": serve.subpath or None,
        "api": serve.api,
        "api_server_stop": serve.api_server_stop,
        "nowebui": serve.nowebui,
        "autolaunch": serve.autolaunch,
        "theme": serve.theme or None,
        "gradio_auth": "set" if serve.logins else None,
        "api_auth": "set" if serve.api_logins else None,
        "tls_keyfile": serve.tls_keyfile or None,
        "tls_certfile": serve.tls_certfile or None,
        "cors_allow_origins": ",".join(serve.cors_origins) or None,
    }


def memory(gpu: Mapping[str, Any]) -> dict[str, Any]:
    """Bytes of main memory: `used` by this process, `total` of the machine, `free` what is left of it for this process; and of the GPU, where there is one."""
    machine = psutil.virtual_memory()
    used = psutil.Process().memory_info().rss
    return {"ram": {"free": machine.available, "used": used, "total": machine.total}, "cuda": dict(gpu) or {"error": "unavailable"}}
