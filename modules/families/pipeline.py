"""The wide door: any other diffusers folder, run by its own pipeline's `__call__`. What of a request reaches it is what its signature has a word for.

The class comes from diffusers' own modules, by name; a folder's own code is never run, and weights come from safetensors alone. Knows no family in
particular, and nothing of A1111's emphasis, masks or prompt editing: a prompt goes to the pipeline as it stands.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from modules.catalog import folder
from modules.catalog.card import Card
from modules.catalog.notes import read_json
from modules.core.errors import BadModelFile, EaselError, NotNumbers, Unsupported
from modules.core.groups.sampling import Text
from modules.core.records.families import FAMILIES
from modules.core.request import GenerationRequest, Storage
from modules.families.family import PLAIN, Cond, Model, NetworkCall, Setting
from modules.memory.device import is_out_of_memory
from modules.networks.keeping import repack
from modules.sampling.scheduler import PREDICTIONS, SamplerScheduler

LIBRARIES = ("diffusers", "transformers")
"""Where a folder's components may come from. A third name would be code in the folder."""
FILMS = ("num_frames", "video_length", "audio_length_in_s", "audio_end_in_s")
Told = Callable[[int, Tensor | None], bool]
"""(step, from 1; latents, where the pipeline shows them) -> whether to go on."""


class Ended(Exception):
    """Leaves a pipeline that has no way of its own to end early. Never reaches the engine."""


class AnyPipeline:
    """The functions of the family; holds no model."""

    record = FAMILIES.get("pipeline")

    def load(self, card: Card, device: str, dtype: Any, vae_dtype: Any = None, text_dtype: Any = None, storage: Storage = "full") -> Model:
        cls = pipeline_class(card.path)
        try:
            with torch.inference_mode(False):
                pipeline = cls.from_pretrained(card.path, torch_dtype=dtype, use_safetensors=True, local_files_only=True)
        except EaselError:
            raise
        except Exception as error:  # the library raises whatever a wrong file leads to
            if is_out_of_memory(error):
                raise
            raise BadModelFile(f"{card.name} cannot be loaded by diffusers' {cls.__name__}: {first_line(error)}", "Download it again.", "model") from error
        pipeline.set_progress_bar_config(disable=True)
        networks = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
        with torch.inference_mode(False):
            repack(networks, storage)
        return Model(
            card=card,
            record=self.record,
            parts={"pipeline": pipeline, **{name: part.requires_grad_(False).eval() for name, part in networks.items()}},
            alphas_cumprod=torch.empty(0),
            prediction="eps",
            device=device,
            dtype=dtype,
            vae_dtype=dtype,
            scale=1.0,
        )

    def encode(self, model: Model, texts: Sequence[str], text: Text, embeddings: Mapping[str, Tensor], setting: Setting = PLAIN) -> list[Cond]:
        raise _closed(model)

    def predict(self, model: Model, call: NetworkCall) -> Tensor:
        raise _closed(model)

    def decode(self, model: Model, latents: Tensor) -> Tensor:
        raise _closed(model)

    def encode_image(self, model: Model, pixels: Tensor) -> Tensor:
        raise _closed(model)

    def check(self, request: GenerationRequest) -> None:
        """What its record says it lacks, the engine refuses; the rest hangs on the pipeline (`draw`)."""


def draw(model: Model, request: GenerationRequest, prompts: tuple[str, str], start: Image.Image | None, told: Told) -> Image.Image | None:
    """One picture; None where it was ended before there was one. request: resolved and single. prompts: the positive and the negative one, as the pipeline reads them. start: of img2img.
    told: after each step. Raises Unsupported for what this pipeline has no word for, NotNumbers."""
    pipeline = model.parts["pipeline"]
    scheduler = pipeline.scheduler
    autoencoder = getattr(pipeline, "vae", None)
    tiles = request.vae_tiled and hasattr(autoencoder, "use_tiling")
    try:
        if tiles:
            autoencoder.enable_tiling()  # type: ignore[union-attr]
        pipeline.scheduler = scheduler_for(scheduler, request)
        return picture_of(pipeline(**arguments(pipeline, request, prompts, start, told, model.device)).images[0], type(pipeline).__name__)
    except Ended:
        return None
    except EaselError:
        raise
    except (ValueError, TypeError, NotImplementedError, AttributeError, RuntimeError) as error:
        if is_out_of_memory(error):
            raise
        what = f"diffusers' {type(pipeline).__name__} refuses this request: {first_line(error)}"
        raise Unsupported(what, "Change what it names; sizes are often multiples of 16 or 32.", "model") from error
    finally:
        pipeline.scheduler = scheduler
        if tiles:
            autoencoder.disable_tiling()  # type: ignore[union-attr]


def picture_of(made: Any, by: str) -> Image.Image:
    """made: [H, W, C] in 0..1, rounded as diffusers does; or a picture, of a pipeline that makes nothing else. Raises NotNumbers."""
    if isinstance(made, Image.Image):
        return made
    if not np.isfinite(made).all():
        raise NotNumbers(f"diffusers' {by} drew not-a-number.", "Choose another checkpoint, or download it again.", "model")
    image: Image.Image = diffusers.DiffusionPipeline.numpy_to_pil(made)[0]
    return image


def arguments(pipeline: Any, request: GenerationRequest, prompts: tuple[str, str], start: Image.Image | None, told: Told, device: str) -> dict[str, Any]:
    """What `__call__` is given: each thing under the name that this pipeline has for it."""
    known = inspect.signature(type(pipeline).__call__).parameters
    generator = torch.Generator(device if request.noise_source == "GPU" else "cpu").manual_seed(request.seed % 2**63)
    given: dict[str, Any] = {"prompt": prompts[0], "width": request.width, "height": request.height, "num_inference_steps": request.steps}
    given |= {"generator": generator, "output_type": "np", "num_images_per_prompt": 1}
    given["true_cfg_scale" if "true_cfg_scale" in known else "guidance_scale"] = request.cfg_scale
    if "true_cfg_scale" in known and _embeds_guidance(pipeline):
        given["guidance_scale"] = request.guidance.distilled
    if start is not None:
        if "image" not in known:
            raise Unsupported(f"diffusers' {type(pipeline).__name__} takes no start picture.", "Remove it, or choose another checkpoint.", "init.image")
        given |= {"image": start, "strength": request.init.strength}
    elif "image" in known and known["image"].default is inspect.Parameter.empty:
        raise Unsupported(f"diffusers' {type(pipeline).__name__} works on a start picture.", "Give one, in img2img.", "init.image")
    if prompts[1]:
        if "negative_prompt" not in known:
            raise Unsupported(f"diffusers' {type(pipeline).__name__} takes no negative prompt.", "Leave it empty.", "negative_prompt")
        given["negative_prompt"] = prompts[1]
    given |= _callbacks(known, told)
    if "use_resolution_binning" in known:  # a picture has the size that was asked for
        given["use_resolution_binning"] = False
    return {name: value for name, value in given.items() if name in known}


def _callbacks(known: Mapping[str, Any], told: Told) -> dict[str, Any]:
    def after(pipeline: Any, step: int, timestep: Any, shown: dict[str, Any]) -> dict[str, Any]:
        if not told(step + 1, shown.get("latents")):
            if not hasattr(type(pipeline), "interrupt"):
                raise Ended
            pipeline._interrupt = True  # diffusers' own way to end early with what there is
        return {}

    def after_old(step: int, timestep: Any, latents: Tensor) -> None:
        if not told(step + 1, latents):
            raise Ended

    return {"callback_on_step_end": after} if "callback_on_step_end" in known else {"callback": after_old, "callback_steps": 1} if "callback" in known else {}


def scheduler_for(own: Any, request: GenerationRequest) -> Any:
    """One of our samplers where the model predicts eps, v or x0 over betas that we know; else the pipeline's own."""
    config = own.config
    if not follows(config):
        usual = FAMILIES.get("pipeline").defaults["sampler"]
        if request.sampler != usual:
            what = f"This model steps by its own scheduler, {type(own).__name__}, which no sampler can stand in for."
            raise Unsupported(what, f"Leave the sampling method at {usual}.", "sampler")
        return own
    names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas", "prediction_type", "rescale_betas_zero_snr")
    given = {name: config[name] for name in names if config.get(name) is not None}
    return SamplerScheduler(**given, sampler=request.sampler, schedule=request.schedule, eta=request.solver.eta)


def follows(config: Mapping[str, Any]) -> bool:
    """Whether our samplers apply: to a scheduler's config."""
    betas = config.get("beta_schedule") in ("linear", "scaled_linear") or config.get("trained_betas") is not None
    return betas and config.get("prediction_type") in PREDICTIONS and not config.get("use_flow_sigmas")


def pipeline_class(path: Path) -> Any:
    """The class that a folder's index names. Raises Unsupported for one that is not diffusers' own, for components of other code, for films and sound."""
    index = read_json(path / folder.INDEX)
    name = index.get("_class_name")
    cls = getattr(diffusers, name, None) if isinstance(name, str) and name.endswith("Pipeline") and name.isidentifier() else None
    if not (inspect.isclass(cls) and issubclass(cls, diffusers.DiffusionPipeline) and cls.__module__.startswith("diffusers.")):
        raise Unsupported(
            f"{path.name} names the pipeline {str(name)[:60]!r}, which diffusers {diffusers.__version__} does not have.", "Choose another one.", "model"
        )
    for part, entry in index.items():
        if isinstance(entry, list) and entry and entry[0] not in (None, *LIBRARIES):
            theirs = isinstance(entry[0], str) and hasattr(diffusers.pipelines, entry[0])
            if not theirs or (path / part / f"{entry[0]}.py").exists():
                raise Unsupported(f"{path.name} brings code of its own ({part}: {str(entry[0])[:60]}), which is never run.", "Choose another one.", "model")
    known = inspect.signature(cls.__call__).parameters
    if "prompt" not in known or any(film in known for film in FILMS):
        raise Unsupported(f"diffusers' {cls.__name__} draws no pictures from a prompt.", "Choose another checkpoint.", "model")
    return cls


def _embeds_guidance(pipeline: Any) -> bool:
    network = getattr(pipeline, "transformer", None)
    return bool(network is not None and network.config.get("guidance_embeds"))


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def _closed(model: Model) -> Unsupported:
    return Unsupported(f"{model.card.name} runs by its own pipeline, which has no place for this.", "Choose another checkpoint.", "model")
