# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""Peak memory beside plain diffusers with the same option, on a CPU. Run: python benchmarks/memory.py [--write] [--only placements loading vae] [--side 1024]

One picture of the same model (Stable Diffusion 1's architecture at a third of its width, random weights, kept in fp16 and computed in fp32), each measurement
in a process of its own. Said of each, above what the process held before it loaded anything:

resident   bytes of the process in memory (RssAnon + RssFile), the largest of samples a millisecond apart
anonymous  of those what the system could not simply drop and read again (RssAnon)
counted    bytes of tensors that live at once (`tests.memory.live`), weights included that lie in memory of their own: free of noise

resident, medvram, group and lowvram are compared with diffusers' own options: none, model offload, group offload by leaves to the disk, accelerate's offload
to the disk. The VAE is Stable Diffusion 1's own architecture (83.7 M parameters, random weights), whole and in tiles: at 2048 x 2048 its tensors are counted
without computing them (torch's fake tensors have sizes and no numbers), which is exact; and at the largest size for which twice the bytes are free here it
computes, and the process is looked at as above. Shares count what a decode takes beside the weights, and with them.
Loading: the largest anonymous memory while a checkpoint is loaded, over what is held when it is done.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error", MALLOC_ARENA_MAX="1")

import argparse
import gc
import json
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import torch
from accelerate import disk_offload
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.hooks import apply_group_offloading
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from modules.catalog.hashes import HashCache
from modules.catalog.scan import CLIP_VOCABULARY, Library
from modules.core.blobs import Blobs
from modules.core.options import DeviceOptions, Placement
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.memory.budget import decoding
from modules.networks import vae_tiles
from tests.memory.live import Live

OPTIONS = ("resident", "medvram", "group", "lowvram")
SIDE, STEPS = 256, 2
WIDTHS = (128, 256, 512, 512)
PARTS = ("placements", "loading", "vae")
LOADED = """What `group` and `lowvram` hold in all (resident, anonymous) is the moment of loading: the whole model passes through memory once, before its weights lie
in their file. What they hold while they draw is the counted line."""
MB = 2**20
RESULT = PROJECT / "benchmarks" / "results" / "memory.md"


class Sampler:
    """Looks every millisecond how much the process holds."""

    def __init__(self) -> None:
        self.before = _held()
        self.peak = {"resident": 0, "anonymous": 0}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def _look(self) -> None:
        while not self._ending.is_set():
            self.note()
            time.sleep(0.001)

    def note(self) -> None:
        now = _held()
        self.peak = {name: max(self.peak[name], now[name] - self.before[name]) for name in now}

    def end(self) -> dict[str, int]:
        self.note()
        self._ending.set()
        self._thread.join()
        return self.peak


def _held() -> dict[str, int]:
    found = {}
    with open("/proc/self/status", encoding="ascii") as file:
        for line in file:
            name, _, rest = line.partition(":")
            if name in ("RssAnon", "RssFile"):
                found[name] = int(rest.split()[0]) * 1024
    return {"resident": found["RssAnon"] + found["RssFile"], "anonymous": found["RssAnon"]}


def save_model(place: Path) -> None:
    """A diffusers folder in fp16."""
    torch.manual_seed(0)
    unet = UNet2DConditionModel(block_out_channels=(96, 192, 384, 384), cross_attention_dim=256, attention_head_dim=8)
    vae = AutoencoderKL(
        block_out_channels=(32, 64, 128, 128), layers_per_block=2, down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4
    )
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49408, hidden_size=256, intermediate_size=1024, num_hidden_layers=12, num_attention_heads=4, bos_token_id=49406, eos_token_id=49407
        )
    )
    pipeline = StableDiffusionPipeline(
        vae=vae.half(), text_encoder=text.half(), tokenizer=CLIPTokenizer.from_pretrained(CLIP_VOCABULARY), unet=unet.half(),
        scheduler=EulerDiscreteScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear"), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    )  # fmt: skip
    pipeline.save_pretrained(place)


@contextmanager
def measured() -> Iterator[dict[str, Any]]:
    gc.collect()
    found: dict[str, Any] = {}
    sampler = Sampler()
    yield found
    found |= sampler.end()


def ours(models: Path, data: Path, option: Placement, counted: bool) -> dict[str, Any]:
    library = Library(Paths(data=data, models=data, checkpoints=(models,)), HashCache(data / "hashes.db"))
    card = library.hashed(library.checkpoint("model"))
    engine = Engine(
        library, Outputs(data / "outputs"), Blobs(data / "inputs"), DeviceOptions(device="cpu", threads=1, placement=option), converted=data / "converted"
    )
    request = GenerationRequest(prompt="a red panda", negative_prompt="blurry", model="model", sampler="Euler", steps=STEPS, seed=7, width=SIDE, height=SIDE)

    def draw() -> None:
        engine.run(request, lambda event: None, lambda: Cancel.NONE, save=False)

    if counted:
        parts = engine.models.load(card, "fp32").model.parts
        return count([part for part in parts.values() if isinstance(part, torch.nn.Module)], draw)
    with measured() as found:
        engine.models.load(card, "fp32")
        gc.collect()
        draw()
    return found


def theirs(models: Path, data: Path, option: str, counted: bool) -> dict[str, Any]:
    def loaded() -> Any:
        pipeline = StableDiffusionPipeline.from_pretrained(models / "model", torch_dtype=torch.float32, local_files_only=True)
        pipeline.set_progress_bar_config(disable=True)
        networks = [pipeline.unet, pipeline.vae, pipeline.text_encoder]
        if option == "medvram":
            pipeline.enable_model_cpu_offload(device="cpu")
        elif option == "group":
            for number, network in enumerate(networks):
                apply_group_offloading(
                    network, onload_device=torch.device("cpu"), offload_device=torch.device("cpu"), offload_type="leaf_level",
                    offload_to_disk_path=str(data / f"group{number}"),
                )  # fmt: skip
        elif option == "lowvram":
            for number, network in enumerate(networks):
                disk_offload(network, data / f"disk{number}", torch.device("cpu"), offload_buffers=True)
        return pipeline

    def draw(pipeline: Any) -> None:
        with torch.inference_mode():
            pipeline("a red panda", negative_prompt="blurry", num_inference_steps=STEPS, width=SIDE, height=SIDE, generator=torch.Generator().manual_seed(7))

    if counted:
        pipeline = loaded()
        return count([pipeline.unet, pipeline.vae, pipeline.text_encoder], lambda: draw(pipeline))
    with measured() as found:
        pipeline = loaded()
        gc.collect()
        draw(pipeline)
    return found


def count(networks: list[torch.nn.Module], draw: Callable[[], None]) -> dict[str, Any]:
    """Weights that lie in memory of their own, and what is made on top of them while a picture is drawn."""
    weights = [tensor for network in networks for tensor in (*network.parameters(), *network.buffers())]
    rest = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in weights if _own(tensor)}
    with Live(weights) as live:
        draw()
    return {"counted": sum(rest.values()) + live.peak}


def _own(tensor: torch.Tensor) -> bool:
    return not tensor.is_meta and tensor.untyped_storage().resizable() and tensor.untyped_storage().nbytes() > 0


def loading(models: Path, data: Path) -> dict[str, Any]:
    library = Library(Paths(data=data, models=data, checkpoints=(models,)), HashCache(data / "hashes.db"))
    card = library.hashed(library.checkpoint("model"))
    engine = Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), DeviceOptions(device="cpu", threads=1), converted=data / "converted")
    gc.collect()
    sampler = Sampler()
    loaded = engine.models.load(card, "fp32")
    gc.collect()
    after = _held()["anonymous"] - sampler.before["anonymous"]
    weights = sum(tensor.nbytes for network in loaded.placed.networks.values() for tensor in network.parameters())
    return {"peak": sampler.end()["anonymous"], "after": after, "weights": weights}


def autoencoder() -> AutoencoderKL:
    """Stable Diffusion 1's architecture, random."""
    torch.manual_seed(0)
    levels = {"down_block_types": ("DownEncoderBlock2D",) * 4, "up_block_types": ("UpDecoderBlock2D",) * 4}
    return AutoencoderKL(block_out_channels=WIDTHS, layers_per_block=2, **levels).eval().requires_grad_(False)


def decode(vae: AutoencoderKL, side: int, how: str) -> torch.Tensor:
    latents = torch.randn(1, 4, side // 8, side // 8)
    if how == "whole":
        return vae.decode(latents).sample
    return vae_tiles.through(vae, latents, lambda tile: vae.decode(tile).sample, 1, 8)


@torch.inference_mode()
def decoded(side: int, how: str, computed: bool) -> dict[str, Any]:
    """One decode, in a process that does nothing else. weights: their bytes, and their number."""
    if not computed:
        with FakeTensorMode():
            vae = autoencoder()
            with Live(vae.parameters()) as live:
                decode(vae, side, how)
        return {"counted": live.peak, "weights": sum(tensor.nbytes for tensor in vae.parameters()), "number": sum(one.numel() for one in vae.parameters())}
    vae = autoencoder()
    began = time.process_time()
    with measured() as found, Live(vae.parameters()) as live:
        decode(vae, side, how)
    return {**found, "counted": live.peak, "seconds": time.process_time() - began}


def computable(wanted: int) -> int:
    """The largest of some sides for which twice the bytes of a whole decode are free, so that nobody else's are taken."""
    free = psutil.virtual_memory().available
    return next((side for side in (2048, 1536, 1024) if side <= wanted and 2 * decoding(WIDTHS, side, side, 4) < free), 512)


def of_vae(wanted: int) -> list[str]:
    """wanted: the largest side that is computed; 0 for none."""
    lines = ["| VAE | measure | whole, MB | in tiles, MB | share | share with the weights |", "| --- | --- | --- | --- | --- | --- |"]
    fake = {how: apart("--one", "vae", how, "2048", "counted") for how in ("whole", "tiles")}
    weights = fake["whole"]["weights"]
    rows = [(2048, "counted, not computed", "counted", fake)]
    said = f"The VAE has {fake['whole']['number'] / 1e6:.1f} M parameters, {weights / MB:.0f} MB."
    if wanted:
        side = computable(wanted)
        real = {how: apart("--one", "vae", how, str(side), "computed") for how in ("whole", "tiles")}
        rows += [(side, name, name, real) for name in ("counted", "resident", "anonymous")]
        times = ", ".join(f"{one['seconds']:.0f} s of processor {how}" for how, one in real.items())
        said += f" Computed at {side} x {side}: {times}."
    for size, called, measure, pair in rows:
        whole, tiles = (pair[how][measure] for how in ("whole", "tiles"))
        shares = f"{tiles / whole:.3f} | {(tiles + weights) / (whole + weights):.3f}"
        lines.append(f"| {size} x {size} | {called} | {whole / MB:.0f} | {tiles / MB:.0f} | {shares} |")
    return [*lines, "", said]


def apart(*words: str) -> dict[str, Any]:
    answer = subprocess.run([sys.executable, __file__, *words], capture_output=True, text=True, check=False)
    if answer.returncode:
        raise SystemExit(f"{words}: {answer.stderr[-2000:]}")
    return dict(json.loads(answer.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="into benchmarks/results/memory.md")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="other parts are kept as they stand in the file")
    parser.add_argument("--side", type=int, default=2048, help="of the largest picture that the VAE computes; 0 for none")
    parser.add_argument("--one", nargs=4, metavar=("WHO", "MODELS", "OPTION", "HOW"), help=argparse.SUPPRESS)
    found = parser.parse_args()
    if found.one:
        who, models, option, how = found.one
        with tempfile.TemporaryDirectory() as data:
            if who == "vae":
                print(json.dumps(decoded(int(option), models, how == "computed")))
            elif who == "loading":
                print(json.dumps(loading(Path(models), Path(data))))
            else:
                print(json.dumps((ours if who == "ours" else theirs)(Path(models), Path(data), option, how == "counted")))
        return
    parts = kept()
    with tempfile.TemporaryDirectory() as folder:
        if set(found.only) & {"placements", "loading"}:
            save_model(Path(folder) / "model")
        if "placements" in found.only:
            parts["placements"] = of_placements(folder)
        if "loading" in found.only:
            load = apart("--one", "loading", folder, "resident", "")
            held = f"{load['after'] / MB:.0f} MB held afterwards ({load['weights'] / MB:.0f} MB of weights)"
            parts["loading"] = [f"At most {load['peak'] / MB:.0f} MB of anonymous memory for {held}: {load['peak'] / load['after']:.2f}."]
    if "vae" in found.only:
        parts["vae"] = of_vae(found.side)
    print("\n".join(line for name in found.only for line in ("", f"## {name}", "", *parts[name])))
    if found.write:
        body = "\n".join(line for name in PARTS for line in ("", f"## {name}", "", *parts.get(name, ["Not measured yet."])))
        RESULT.write_text(f"# Peak memory beside diffusers\n\n{(__doc__ or '').strip()}\n{body}\n", "utf-8")


def of_placements(folder: str) -> list[str]:
    lines = ["| placement | measure | Easel, MB | diffusers, MB | share |", "| --- | --- | --- | --- | --- |"]
    for option in OPTIONS:
        pair = [{**apart("--one", who, folder, option, "resident"), **apart("--one", who, folder, option, "counted")} for who in ("ours", "theirs")]
        for measure in ("resident", "anonymous", "counted"):
            mine, other = (one[measure] / MB for one in pair)
            lines.append(f"| {option} | {measure} | {mine:.0f} | {other:.0f} | {mine / other:.2f} |")
            print(lines[-1], flush=True)
    return [*lines, "", LOADED]


def kept() -> dict[str, list[str]]:
    """What stands in the file, by its headings."""
    if not RESULT.exists():
        return {}
    pieces = [piece.split("\n") for piece in RESULT.read_text("utf-8").split("\n## ")[1:]]
    return {name.strip(): "\n".join(lines).strip().split("\n") for name, *lines in pieces if name.strip() in PARTS}


if __name__ == "__main__":
    main()
