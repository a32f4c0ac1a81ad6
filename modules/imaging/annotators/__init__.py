"""A control picture as the map that its model reads: by the preprocessor's name (`core.records.annotators`). Without weights and without torch.

The same picture and numbers always give the same map, so a map is never stored: a rerun makes it again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modules.core.errors import Unsupported
from modules.core.records.annotators import ANNOTATORS, dial
from modules.imaging.annotators import lines, tones

Pixels = NDArray[np.uint8]
Annotate = Callable[[Pixels, float, float], Pixels]
"""(RGB [H, W, 3], threshold A, threshold B) -> the map [H, W, 3]."""

FUNCTIONS: Mapping[str, Annotate] = {
    "canny": lines.canny,
    "lineart_standard (from white bg & black line)": lambda image, a, b: lines.standard(image),
    "invert (from white bg & black line)": lambda image, a, b: lines.inverted(image),
    "scribble_xdog": lambda image, a, b: lines.scribble(image, a),
    "threshold": lambda image, a, b: lines.binary(image, a),
    "tile_resample": lambda image, a, b: tones.coarser(image, a),
    "blur_gaussian": lambda image, a, b: tones.blurred(image, a),
    "shuffle": lambda image, a, b: tones.stirred(image),
    "recolor_luminance": lambda image, a, b: tones.luminance(image, a),
    "recolor_intensity": lambda image, a, b: tones.intensity(image, a),
    "t2ia_color_grid": lambda image, a, b: tones.grid(image),
}
"""Those that are not here leave the picture as it is."""

AFTERWARDS: Mapping[str, Callable[[Pixels], Pixels]] = {
    "softedge_hedsafe": lines.stepped,
    "softedge_pidisafe": lines.stepped,
    "scribble_hed": lines.stroked,
    "scribble_pidinet": lines.stroked,
    "t2ia_sketch_pidi": lambda image: lines.binary(image, 127),
}
"""What a preprocessor makes of the map of its network; others leave it as it is."""


def annotate(module: str, image: Image.Image, resolution: int, a: float, b: float) -> Image.Image:
    """image: RGB. resolution: pixels of the shorter side at which the preprocessor works. a, b: below 0 the preprocessor's own. -> RGB.
    Raises InvalidRequest for an unknown name, Unsupported for one whose map a network makes."""
    record = ANNOTATORS.get(module)
    if record.networks:
        raise Unsupported(f"The map of {record.name} is made by a network, when the picture is drawn.", "Draw with it; there is no preview.", "module")
    act = FUNCTIONS.get(record.name)
    if act is None:
        return image.convert("RGB")
    seen = at_resolution(image.convert("RGB"), resolution) if record.sized else image.convert("RGB")
    return Image.fromarray(act(np.asarray(seen), dial(record, 0, a), dial(record, 1, b)))


def finished(module: str, image: Image.Image) -> Image.Image:
    """image: RGB, the map that a learned preprocessor's network made."""
    act = AFTERWARDS.get(module)
    return Image.fromarray(act(np.asarray(image))) if act else image


def at_resolution(image: Image.Image, resolution: int) -> Image.Image:
    """The shorter side as long as that, both multiples of 64."""
    scale = resolution / min(image.size)
    width, height = (max(round(side * scale / 64), 1) * 64 for side in image.size)
    return image.resize((width, height), Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BOX)


__all__ = ["AFTERWARDS", "FUNCTIONS", "annotate", "at_resolution", "finished"]
