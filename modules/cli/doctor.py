"""`doctor`: what is here, what is missing, and what to do about it. Starts nothing and changes nothing."""

from __future__ import annotations

import platform
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from modules import __version__
from modules.catalog.hashes import HashCache
from modules.catalog.scan import STARTER, Library
from modules.cli import machine
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import Parser
from modules.core.errors import EaselError
from modules.core.options import Options
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest
from modules.core.settings import SettingsStore
from modules.engine.fitting import Fitting, Room
from modules.memory.budget import free_memory

GB = 10**9
FREE_DISK = 12 * GB
GOOD_RAM = 8 * GB
TRAINING_RAM = 32 * GB
LEAST_GPU, GOOD_GPU = 4 * GB, 8 * GB
"""A card sold as 8 GB shows a little less than 8 * 1024**3 bytes, and more than this."""


class Finding(NamedTuple):
    """mark: "ok"; "note" for what works with a limit; "BAD" for what keeps Easel from working. remedy: what to do, "" when nothing."""

    mark: str
    what: str
    remedy: str = ""


def run(words: Sequence[str]) -> int:
    """-> 0, or 1 when something keeps Easel from working."""
    parser = Parser("doctor", "Says what is here, what is missing, and what to do.")
    add_running(parser)
    add_serving(parser, shown=False)
    options = options_of(parser.read(words))
    bad = 0
    for finding in examine(options):
        bad += finding.mark == "BAD"
        print(f"{finding.mark:>4}  {finding.what}", flush=True)
        if finding.remedy:
            print(f"      -> {finding.remedy}", flush=True)
    print(f"\n{'Easel can run.' if not bad else f'{bad} of these must be mended before Easel can run.'}", flush=True)
    return 1 if bad else 0


def examine(options: Options) -> Iterator[Finding]:
    yield Finding("ok", f"Easel {__version__} on Python {platform.python_version()} ({sys.executable}), {platform.system()} {platform.machine()}")
    yield from packages()
    yield from torch_and_devices(machine.torch_report(), machine.gpu_vendors())
    yield memory(machine.ram_bytes())
    yield from folders(options)
    yield from models(options)
    yield from fitting(options)
    for note in SettingsStore(options.paths.settings, repair=False).notes:
        yield Finding("note", note, "Easel uses the defaults for what cannot be used; change what you need in the page's Settings.")


def packages() -> Iterator[Finding]:
    wrong = machine.wrong_packages()
    if wrong:
        yield Finding("BAD", f"packages that are not as pinned: {', '.join(wrong)}", "Start once without --skip-install; or delete .venv and start again.")
    else:
        yield Finding("ok", f"packages as pinned: {', '.join(machine.versions('gradio', 'diffusers', 'transformers', 'compel', 'peft', 'accelerate'))}")


def torch_and_devices(report: machine.TorchReport, vendors: Sequence[str]) -> Iterator[Finding]:
    if report.error:
        yield Finding(
            "BAD", f"torch does not work: {report.error}", "Delete .venv and start again; TORCH_INDEX_URL or TORCH_COMMAND choose another build of torch."
        )
        return
    yield Finding("ok", f"torch {report.version}, {report.threads} CPU threads")
    for device in report.devices:
        size = f"{device.memory / GB:.0f} GB" if device.memory else "memory shared with the system"
        if device.memory and device.memory < LEAST_GPU:
            yield Finding("note", f"{device.name}: {device.title}, {size}", "Under 4 GB: start with --lowvram, and keep pictures small.")
        elif device.memory and device.memory < GOOD_GPU:
            yield Finding("note", f"{device.name}: {device.title}, {size}", "8 GB or more are good; if memory runs out, start with --medvram.")
        else:
            yield Finding("ok", f"{device.name}: {device.title}, {size}")
    if not report.devices and vendors:
        yield Finding(
            "note",
            f"a GPU is here ({', '.join(vendors)}), but this build of torch cannot use it",
            "Look at the GPU's driver; then set TORCH_INDEX_URL to the place of the right build and start again.",
        )
    elif not report.devices:
        yield Finding("ok", "no GPU: pictures are computed on the CPU, slower")


def memory(size: int) -> Finding:
    if size < GOOD_RAM:
        return Finding("note", f"RAM: {size / GB:.0f} GB", "Little for large models: keep to SD 1.x, and close other programs.")
    return Finding("ok", f"RAM: {size / GB:.0f} GB" + ("" if size >= TRAINING_RAM else " (training wants 32 GB)"))


def fitting(options: Options) -> Iterator[Finding]:
    """Whether the checkpoint that is drawn with by default fits, at the size that suits it."""
    library = Library(options.paths.with_more(SettingsStore(options.paths.settings, repair=False).value.extra_model_folders), HashCache(None))
    card = library.default()
    record = FAMILIES.find(card.family) if card and not card.trouble else None
    if card is None or record is None:
        return
    side = card.native or record.native
    found = Fitting(options.device, lambda: Room(free_memory())).of(GenerationRequest(width=side, height=side), card)
    if found.verdict == "unknown":
        return
    numbers = f"{card.name} at {side} x {side} on the CPU: about {found.needed / GB:.1f} GB of {found.free / GB:.1f} GB free memory"
    yield Finding(
        "ok" if found.verdict in ("fits", "tight") else "note", numbers, " ".join(found.sentences[1:]) if found.verdict in ("adapts", "too much") else ""
    )


def folders(options: Options) -> Iterator[Finding]:
    for name, folder in (("data", options.paths.data), ("outputs", options.paths.outputs)):
        reason = machine.why_not_writable(folder)
        if reason:
            yield Finding("BAD", f"{name} folder {folder} cannot be written: {reason}", "Change its permissions, or start with another --data-dir.")
        else:
            yield Finding("ok", f"{name} folder {folder}")
    free = machine.free_bytes(options.paths.outputs)
    yield Finding(
        "ok" if free >= FREE_DISK else "note",
        f"free disk: {free / GB:.0f} GB",
        "" if free >= FREE_DISK else "Make room: 12 GB are comfortable, a checkpoint alone is 2 to 7 GB.",
    )


def models(options: Options) -> Iterator[Finding]:
    library = Library(options.paths.with_more(SettingsStore(options.paths.settings, repair=False).value.extra_model_folders), HashCache(None))
    try:
        cards = library.checkpoints()
        embeddings = [card for card in library.embeddings() if not card.trouble]
    except EaselError as error:
        yield Finding("BAD", f"the models cannot be listed: {error}")
        return
    good = [card.name for card in cards if not card.trouble]
    shown = ", ".join(good[:8]) + (f" and {len(good) - 8} more" if len(good) > 8 else "")
    if good:
        yield Finding("ok", f"{len(good)} checkpoint{'s' if len(good) > 1 else ''}: {shown}; {len(embeddings)} embeddings")
    else:
        yield Finding("BAD", "no checkpoint that can be used", f"Put one into {options.paths.models / 'Stable-diffusion'}.")
    if not STARTER.is_dir():
        yield Finding("note", f"the starter model is not at {STARTER}", "Take it back from the project, for example with git checkout.")
    for card in cards:
        if card.trouble:
            yield Finding("note", f"{card.path} cannot be used: {card.trouble}")
