"""The door to spandrel, which knows some forty architectures of networks from picture to picture by their tensors' names.

spandrel asks for torchvision, whose published builds need another torch than ours and break it; of all of it three names are used. They are here, and in
sight of spandrel only while it is imported: a package that is half there would mislead everybody who looks for it later.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from modules.core.errors import BadModelFile, Unsupported
from modules.memory.device import is_out_of_memory

NAMES = ("torchvision", "torchvision.transforms", "torchvision.transforms.functional")


def normalize(pixels: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(pixels - mean) / std per channel, pixels [..., C, H, W]. inplace: in the same memory."""
    shape = (-1, 1, 1)
    low, wide = (torch.as_tensor(values, dtype=pixels.dtype, device=pixels.device).view(shape) for values in (mean, std))
    return pixels.sub_(low).div_(wide) if inplace else (pixels - low) / wide


def rotate(*values: Any, **named: Any) -> Tensor:
    """Only LaMa calls it, an inpainting network that is refused here."""
    raise Unsupported("This network needs torchvision, which Easel does without.", "Choose another one.")


@contextmanager
def _three_names() -> Iterator[None]:
    before = {name: sys.modules.get(name) for name in NAMES}
    for name in NAMES:
        sys.modules[name] = ModuleType(name)
    functional = sys.modules[NAMES[-1]]
    vars(functional).update(normalize=normalize, rotate=rotate, InterpolationMode=SimpleNamespace(NEAREST="nearest", BILINEAR="bilinear"))
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


with _three_names():
    import spandrel as spandrel  # for the tests, too, which build small networks of its architectures


def recognised(tensors: dict[str, Tensor], name: str) -> Any:
    """spandrel's descriptor of the network with these weights, on the CPU. name: of the file, for errors.
    Raises BadModelFile for tensors of no architecture that it knows, or of one whose sizes are odd; Unsupported for one that fills in masks."""
    try:
        found = spandrel.ModelLoader().load_from_state_dict(tensors)
    except spandrel.UnsupportedModelError:
        raise BadModelFile(f"{name} is no upscaler of an architecture that Easel knows.", "Take one that works in AUTOMATIC1111 or chaiNNer.") from None
    except Exception as error:  # the architectures' own code raises whatever odd sizes lead to
        if is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadModelFile(f"{name} cannot be loaded: {reason}", "Download it again.") from error
    if not isinstance(found, spandrel.ImageModelDescriptor):
        raise Unsupported(f"{name} fills in masked parts of pictures ({found.architecture.name}); it does not enlarge them.", "Choose an upscaler.")
    return found
