"""Memory that runs short on purpose: an error out of a real operation of torch, or out of a real function of the program, wherever in a run; and a limit that
large operations do not fit in. No network is replaced: what runs is the program's own code."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.blobs import Blobs
from modules.core.control import ControlUnit
from modules.core.options import Looks
from modules.core.params import from_dict
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture, Progress, Result
from modules.engine.features import watch as watching
from modules.engine.features.watch import Watch
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.imaging import pixels as in_pixels
from modules.infotext import files
from tests.engine import control_studio
from tests.networks import lora_files, small, tiny, tiny_control

ERRORS: tuple[Callable[[], BaseException], ...] = (
    lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total capacity of 7.79 GiB of which 1.2 GiB is free."),
    lambda: RuntimeError("CUDA error: out of memory\nCUDA kernel errors might be asynchronously reported at some other API call."),
    lambda: MemoryError(),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate 4294967296 bytes."),
    lambda: RuntimeError("[enforce fail at alloc_cpu.cpp:116] data. DefaultCPUAllocator: not enough memory: you tried to allocate 4294967296 bytes."),
    lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    lambda: RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    lambda: RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    lambda: RuntimeError("HIP error: out of memory\nHIP kernel errors might be asynchronously reported at some other API call."),
    lambda: RuntimeError(
        "MPS backend out of memory (MPS allocated: 8.88 GB, other allocations: 200.00 MB, max allowed: 9.07 GB). Tried to allocate 256.00 MB on private pool."
    ),
    lambda: RuntimeError("level_zero backend failed with error: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)"),
    lambda: RuntimeError("unable to mmap 4294967296 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
)
PYTHON: tuple[tuple[Any, str], ...] = ((files, "encode"), (files, "converted"), (in_pixels, "to_images"), (in_pixels, "to_tensor"))
"""Functions beside torch that take memory: the file of a picture, and the way between tensors and pictures."""


COMPUTING = ("linear", "conv2d", "scaled_dot")
"""What the operations that are a network's work are called."""


class Short(TorchDispatchMode):
    """at: the operation, from 0, that raises, once; None for none. when: asked before every operation of a network that samples: whether it raises. limit: bytes that
    such an operation may make. A run's phase is known where `watch` is told of its progress."""

    def __init__(
        self, at: int | None = None, error: Callable[[], BaseException] = ERRORS[0], when: Callable[[], bool] = lambda: False, limit: int | None = None
    ) -> None:
        super().__init__()
        self.at, self.error, self.when, self.limit = at, error, when, limit
        self.count = self.raised = self.largest = 0
        self.phase, self.phases = "loading", {}  # type: tuple[str, dict[int, str]]

    def watch(self, event: Progress | Picture) -> None:
        self.phase = "after" if isinstance(event, Picture) else event.phase

    def __enter__(self) -> Short:
        look = self._look = Watch._look

        def looking(watch: Watch, *given: Any) -> None:
            self.phase, before = "preview", self.phase
            try:
                look(watch, *given)
            finally:
                self.phase = before

        Watch._look = looking  # type: ignore[assignment,method-assign]
        self._share, watching.SHARE = watching.SHARE, 1e9  # each call is shown, so that all runs have the same operations
        super().__enter__()
        return self

    def __exit__(self, *trouble: Any) -> None:
        Watch._look = self._look  # type: ignore[method-assign]
        watching.SHARE = self._share
        super().__exit__(*trouble)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.phases[self.count] = self.phase
        self.count += 1
        sampling = self.phase == "sampling" and func.__name__.startswith(COMPUTING)
        if self.at == self.count - 1 or sampling and self.when():
            self._raise()
        made = func(*args, **(kwargs or {}))
        if sampling:
            size = sum(one.nbytes for one in tree_flatten(made)[0] if isinstance(one, Tensor))
            self.largest = max(self.largest, size)
            if self.limit is not None and size > self.limit:
                self._raise()
        return made

    def _raise(self) -> None:
        self.raised += 1
        raise self.error()


@contextmanager
def short_in(place: Any, name: str, call: int, error: Callable[[], BaseException]) -> Iterator[list[int]]:
    """The real function, whose call number `call` (from 0) raises. -> how often it was called and how often it raised."""
    real, told = getattr(place, name), [0, 0]

    def wrapped(*args: Any, **kwargs: Any) -> Any:
        told[0] += 1
        if told[0] - 1 == call:
            told[1] += 1
            raise error()
        return real(*args, **kwargs)

    setattr(place, name, wrapped)
    try:
        yield told
    finally:
        setattr(place, name, real)


def living() -> int:
    """Bytes of all tensors that live, each storage once."""
    gc.collect()
    sizes: dict[int, int] = {}
    for one in gc.get_objects():
        if issubclass(type(one), Tensor) and one.device.type != "meta":
            storage = one.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
    return sum(sizes.values())


def engine(data: Path) -> Engine:
    """With all that a picture can be made of: a checkpoint, a VAE, a LoRA, a control network, an upscaler, a decoder of previews."""
    from diffusers import AutoencoderTiny

    unet, vae, text = tiny.parts()
    models = data / "models"
    tiny.save_single(models / "Stable-diffusion" / "tiny.safetensors", tiny.ldm_tensors(unet, vae, text))
    lora_files.save(models / "Lora" / "first.safetensors", lora_files.kohya({"unet": unet, "vae": vae, "text_encoder": text}))
    tiny_control.save_ldm(models / "ControlNet" / "edges.safetensors", tiny_control.controlnet(unet))
    small.save(models / "ESRGAN" / "2x-small.safetensors", small.esrgan(scale=2))
    torch.manual_seed(3)
    preview = AutoencoderTiny(latent_channels=4)
    (models / "VAE-approx").mkdir(parents=True)
    save_file({name: tensor.contiguous() for name, tensor in preview.state_dict().items()}, models / "VAE-approx" / "taesd.safetensors")
    library = Library(Paths(data=data, models=models), HashCache(data / "hashes.db"))
    made = Engine(library, Outputs(data / "outputs"), Blobs(data / "inputs"), looks=lambda: Looks(preview_interval=0.0001), converted=data / "converted")
    return made


def everything(engine: Engine) -> dict[str, dict[str, Any]]:
    """Wishes that between them pass through every part of a run."""
    picture = control_studio.kept(engine, control_studio.picture(0))
    mask = control_studio.kept(engine, control_studio.picture(1).convert("L").point(lambda value: 255 * (value > 100)))
    unit = ControlUnit(model="edges", image=picture, module="canny", resolution=64)
    hires = {"enabled": True, "scale": 1.5, "upscaler": "2x-small", "strength": 0.5, "steps": 1}
    return {
        "text": {"prompt": "a cat <lora:first:0.8>", "control": [unit], "hires": hires},
        "picture": {"init": {"image": picture, "strength": 0.6}, "mask": {"image": mask}},
        "batch": {"batch_size": 2, "batched": True},
        "growing": {"init": {"image": picture}, "outpaint": {"right": 32, "strength": 0.8}},
    }


def wish(values: dict[str, Any]) -> GenerationRequest:
    tree = {"prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1, "sampler": "Euler a", **values}
    units = tree.pop("control", None)
    request = from_dict(GenerationRequest, tree)
    return request if units is None else type(request)(**{**request.__dict__, "control": tuple(units)})


def run(engine: Engine, request: GenerationRequest, report: Callable[[Progress | Picture], None] = lambda event: None, save: bool = False) -> Result:
    return engine.run(request, report, lambda: Cancel.NONE, save)
