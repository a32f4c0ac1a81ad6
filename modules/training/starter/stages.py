"""The run from scenes to weights, in stages that can be left and gone on with: the autoencoder, the latents, the UNet with its text encoder.

Everything of a run lies in one folder; whoever starts it again with the same values goes on where it was left. Writes no model that a program loads (`export`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from modules.core.files import make_folder, replace
from modules.core.result import Cancel, Progress
from modules.networks import fresh
from modules.networks.alphas import alphas_cumprod
from modules.prompt.vocabulary import Vocabulary
from modules.sampling.parameterization import Table
from modules.training import loop, state
from modules.training.loop import Run
from modules.training.material import Data
from modules.training.runs import CHECKPOINTS, listed
from modules.training.starter import grids, pieces, vocabulary
from modules.training.starter.data import Crops, Latents
from modules.training.starter.package import Package
from modules.training.starter.presets import NORM_BIAS, SCHEDULER, Preset
from modules.training.starter.scenes import COLOURS, LANDSCAPES, article, words
from modules.training.starter.studio import Studio
from modules.training.starter.tasks import Painting, Sharp

AUTOENCODER, DENOISER = "autoencoder", "denoiser"
PIECES, FINISHED = "pieces", "finished"
"""Folders of small pieces: of the newest checkpoint, and of weights that have learnt."""
SCALED_BY = 1024
"""Scenes whose latents decide by what latents are scaled, to a spread of one."""


@dataclass(frozen=True)
class Weights:
    """Finished networks, on the CPU in fp32. scale: of latents. folder: of the tokenizer."""

    vae: nn.Module
    unet: nn.Module
    text_encoder: nn.Module
    scale: float
    tokenizer: Path


@dataclass
class Making:
    """folder: of the run. report: told of progress. until: when to leave off, in seconds of the monotonic clock. cancel: asked at each step. pieced: whether checkpoints are
    kept in small pieces, too."""

    preset: Preset
    package: Package
    path: Path
    folder: Path
    device: str = "cpu"
    processes: int = 0
    report: Callable[[Progress], None] = lambda progress: None
    until: float = float("inf")
    cancel: Callable[[], Cancel] = lambda: Cancel.NONE
    pieced: bool = False

    def run(self) -> Weights | None:
        """-> the finished networks; None where it was left before. Raises EaselError; the last checkpoint stays whole."""
        make_folder(self.folder)
        plurals = {one.name: one.plural for one in self.package.cutouts}
        if not (self.folder / "tokenizer" / "tokenizer.json").is_file():
            vocabulary.write(self.folder / "tokenizer", words(plurals))
        with Studio(self.path, self.package, self.preset.side, self.preset.seed, self.processes, self.preset.chunk) as studio:
            vae = self._autoencoder(studio)
        if vae is None:
            return None
        with Studio(self.path, self.package, self.preset.side, self.preset.seed + 1, self.processes, self.preset.chunk) as studio:
            return self._denoiser(studio, vae)

    def _autoencoder(self, studio: Studio) -> nn.Module | None:
        preset = self.preset
        vae = fresh.vae(preset.vae_config(), preset.seed)
        task = Sharp(vae, preset.autoencoder.rate, self.device)
        data = Crops(studio, preset.crop, preset.autoencoder.steps)
        return vae if self._learnt(AUTOENCODER, task, data, lambda: self._reconstructed(studio, vae)) else None

    def _denoiser(self, studio: Studio, vae: nn.Module) -> Weights | None:
        preset, words = self.preset, Vocabulary.from_folder(self.folder / "tokenizer")
        vae = vae.to(self.device).requires_grad_(False).eval()
        key = hashlib.sha256(b"".join(weight.detach().cpu().numpy().tobytes() for weight in vae.parameters())).hexdigest()

        def encode(pixels: Tensor) -> Tensor:
            with torch.autocast(self.device.split(":")[0], torch.bfloat16, preset.mixed == "bf16"):
                mean: Tensor = vae.encode(pixels.to(self.device)).latent_dist.mean  # type: ignore[operator]
            return mean.float()

        data = Latents(studio, preset.latents, encode, key + self.package.sha256[:8], self.folder / "latents")
        needed = -(-min(SCALED_BY, preset.latents) // preset.chunk)
        data.scale = 1 / float(torch.cat([data.latents(chunk) for chunk in range(needed)]).float().std())
        unet = fresh.unet(preset.unet_config(), preset.seed)
        text = fresh.text_encoder(preset.text_config(len(words), words.bos, words.eos), preset.seed)
        nn.init.constant_(text.get_parameter("final_layer_norm.bias"), NORM_BIAS)
        alphas = alphas_cumprod(SCHEDULER)
        if self.device == "cpu":  # torch's fused attention in bfloat16 takes 40 % of a step there, most of it backwards: written out, a step takes two thirds
            fresh.write_out(unet, text)
        both = nn.ModuleDict({"unet": unet, "text_encoder": text})
        task = Painting(both, words, alphas, preset.denoiser.rate, preset.denoiser.steps, preset.short, 0.1, self.device)
        prompts = prompts_of(self.package, preset.shown)

        def drawn() -> bytes:
            return grids.grid(grids.pictures(prompts, task.context, unet, vae, Table(alphas), data.scale, preset.side, self.device))

        if not self._learnt(DENOISER, task, data, drawn):
            return None
        return Weights(vae.cpu(), unet.cpu(), text.cpu(), data.scale, self.folder / "tokenizer")

    def _learnt(self, what: str, task: loop.Task, data: Data, drawn: Callable[[], bytes]) -> bool:
        """Whether it is finished; the task's module has the weights to keep then."""
        folder, kept = self.folder / what, self.folder / f"{what}.safetensors"
        if self.pieced:
            pieces.join(folder / FINISHED, self.folder)
        if kept.is_file():
            task.module.load_state_dict(load_file(kept))
            return True
        if self.pieced and not listed(folder / CHECKPOINTS):
            pieces.join(folder / PIECES, folder / CHECKPOINTS)
        recipe = self.preset.recipe(what, self.package.sha256, bool(listed(folder / CHECKPOINTS)))

        def sampled(step: int) -> None:
            replace(folder / "samples" / f"step-{step:08d}.png", drawn())

        place = Run(folder, lambda progress: self.report(progress._replace(phase=what)), self._asked, sampled, self.device)
        outcome = loop.run(task, data, recipe, place)
        if outcome.stopped is not Cancel.NONE or outcome.steps < recipe.steps:
            if self.pieced:
                pieces.split(folder / CHECKPOINTS / state.name_of(listed(folder / CHECKPOINTS)[-1]), folder / PIECES)
            return False
        replace(kept, save({name: tensor.detach().cpu().contiguous() for name, tensor in task.module.state_dict().items()}))
        if self.pieced:
            pieces.split(kept, folder / FINISHED)
        return True

    def _asked(self) -> Cancel:
        return Cancel.STOP if time.monotonic() > self.until or self.cancel() is not Cancel.NONE else Cancel.NONE

    def _reconstructed(self, studio: Studio, vae: nn.Module) -> bytes:
        """Scenes above what came back of them."""
        from_scenes = [studio.drawing.draw(studio.scene(-1 - number)) for number in range(8)]
        return grids.reconstructed(from_scenes, vae, self.device)


def prompts_of(package: Package, shown: int) -> list[str]:
    """For grids: all kinds of ground, many things."""
    names = [one.name for one in package.cutouts]
    grounds = [f"on {article(colour)} {colour} background" for colour in COLOURS] + list(LANDSCAPES.values())
    found = []
    for number in range(shown):
        name = names[number * 7 % len(names)]
        found.append(f"{article(name)} {name} {grounds[number % len(grounds)]}")
    other = names[1 % len(names)]
    found[-4:] = [
        f"{article(names[0])} {names[0]} to the left of {article(other)} {other} on a white background",
        f"a small {names[0]} in the bottom right corner, on a green background",
        f"three {package.cutouts[0].plural} on a blue background",
        f"pencil sketch, {article(other)} {other} on a white background",
    ]
    return found
