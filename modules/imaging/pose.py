"""Bodies out of a pose network's maps, and their skeletons as ControlNet reads them. Numbers and pixels alone; knows no network.

Source: Cao et al. 2017, sections 2.3 and 2.4 (parts are the peaks of their maps; a limb is the pair of parts between which the field points the right way;
limbs that share a part are one body), with the thresholds of OpenPose's COCO model. Colours and strokes are those of the training's pictures.
"""

from __future__ import annotations

import colorsys
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

Map = NDArray[np.float32]
PARTS = 18
"""Nose, neck, right shoulder, elbow and wrist, the left ones, right hip, knee and ankle, the left ones, right and left eye, right and left ear."""
FIELDS = 38
"""Two for each limb: how much it points to the right, and down."""


class Limb(NamedTuple):
    """one, other: its parts. across: the first of its two fields."""

    one: int
    other: int
    across: int


LIMBS = tuple(
    Limb(*row)
    for row in (
        (1, 2, 12), (1, 5, 20), (2, 3, 14), (3, 4, 16), (5, 6, 22), (6, 7, 24), (1, 8, 0), (8, 9, 2), (9, 10, 4), (1, 11, 6), (11, 12, 8), (12, 13, 10),
        (1, 0, 28), (0, 14, 30), (14, 16, 34), (0, 15, 32), (15, 17, 36), (2, 16, 18), (5, 17, 26),
    )
)  # fmt: skip
"""Of a COCO body, in the order in which bodies are put together."""
SHOWN = 17
"""Limbs that are drawn, and that begin a body; those from shoulder to ear only hold it together."""
SURE, POINTS = 0.1, 0.05
"""What a map must say for a part; what a field must say along a limb."""
LOOKS, ENOUGH = 10, 0.8
"""Places along a limb that are looked at; the share of them that must point along it."""
BLUR = 3.0
"""Pixels by which maps are blurred before their peaks are looked for."""
MOST = 64
"""Peaks of one part that are followed, the highest: a map of noise has thousands."""
FEWEST, SCORE = 4, 0.4
"""Parts that a body has at least, and its mean score."""
STROKE, FAINT = 4, 0.6
"""Half the width of a limb and the radius of a joint, in pixels; how bright limbs are beside joints."""
COLOURS = tuple(tuple(round(255 * value) for value in colorsys.hsv_to_rgb(number / PARTS, 1, 1)) for number in range(PARTS))


class Joint(NamedTuple):
    """In pixels of the picture."""

    x: float
    y: float
    score: float = 1.0


Person = tuple[Joint | None, ...]
"""A joint of each part, None for one that is not seen."""


class Pair(NamedTuple):
    """Two peaks, by their numbers among those of their parts."""

    one: int
    other: int
    score: float


@dataclass
class _Body:
    """peaks: part -> number of its peak."""

    peaks: dict[int, int]
    score: float
    parts: int = field(default=2)


def people(part: Callable[[int], Map], across: Callable[[int], Map], height: int) -> list[Person]:
    """part: the map of a part [H, W]; across: a field [H, W], both as large as the picture. height: of the picture."""
    peaks = [found(part(number)) for number in range(PARTS)]
    bodies: list[_Body] = []
    for number, limb in enumerate(LIMBS):
        ends = peaks[limb.one], peaks[limb.other]
        if not all(ends):
            continue
        for pair in paired(*ends, across(limb.across), across(limb.across + 1), height):
            _joined(bodies, limb, pair, ends, begins=number < SHOWN)
    sure = [body for body in bodies if body.parts >= FEWEST and body.score / body.parts >= SCORE]
    return [tuple(peaks[number][body.peaks[number]] if number in body.peaks else None for number in range(PARTS)) for body in sure]


def found(surely: Map) -> list[Joint]:
    """The places that are surer than the four beside them, the surest first."""
    smooth = cv2.GaussianBlur(surely, (0, 0), BLUR, borderType=cv2.BORDER_REFLECT)
    around = np.pad(smooth, 1)
    beside = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    rows, columns = np.nonzero(np.logical_and.reduce([smooth > SURE, *(smooth >= one for one in beside)]))
    scores = surely[rows, columns]
    order = np.sort(np.argsort(-scores, kind="stable")[:MOST])
    return [Joint(float(columns[index]), float(rows[index]), float(scores[index])) for index in order]


def paired(ones: Sequence[Joint], others: Sequence[Joint], across: Map, down: Map, height: int) -> list[Pair]:
    """The pairs between which the field points, each peak in one of them, the best first."""
    starts, ends = (np.array([(joint.x, joint.y) for joint in side]) for side in (ones, others))
    way = ends[None] - starts[:, None]
    length = np.maximum(np.hypot(way[..., 0], way[..., 1]), 1e-3)
    places = starts[:, None, None] + way[:, :, None] * np.linspace(0, 1, LOOKS)[:, None]
    columns, rows = np.rint(places[..., 0]).astype(int), np.rint(places[..., 1]).astype(int)
    along = (across[rows, columns] * way[..., :1] + down[rows, columns] * way[..., 1:]) / length[..., None]
    scores = along.mean(-1) + np.minimum(0.5 * height / length - 1, 0)  # a limb longer than half the picture is hardly one
    fits = ((along > POINTS).sum(-1) > ENOUGH * LOOKS) & (scores > 0)
    best = sorted(zip(*np.nonzero(fits), strict=True), key=lambda pair: -scores[pair])
    taken: tuple[set[int], set[int]] = set(), set()
    pairs = []
    for one, other in ((int(one), int(other)) for one, other in best):
        if one not in taken[0] and other not in taken[1]:
            taken[0].add(one)
            taken[1].add(other)
            pairs.append(Pair(one, other, float(scores[one, other])))
    return pairs


def _joined(bodies: list[_Body], limb: Limb, pair: Pair, ends: tuple[Sequence[Joint], Sequence[Joint]], begins: bool) -> None:
    """Puts a limb to the body that has one of its parts; makes one body of two that it joins."""
    gained = ends[1][pair.other].score + pair.score
    holders = [body for body in bodies if body.peaks.get(limb.one) == pair.one or body.peaks.get(limb.other) == pair.other]
    if not holders:
        if begins:
            bodies.append(_Body({limb.one: pair.one, limb.other: pair.other}, ends[0][pair.one].score + gained))
        return
    first = holders[0]
    if len(holders) > 1 and not first.peaks.keys() & holders[1].peaks.keys():
        first.peaks |= holders[1].peaks
        first.score += holders[1].score + pair.score
        first.parts += holders[1].parts
        bodies.remove(holders[1])
    elif first.peaks.get(limb.other) != pair.other:
        first.peaks[limb.other] = pair.other
        first.score += gained
        first.parts += 1


def drawn(bodies: Sequence[Person], size: tuple[int, int]) -> Image.Image:
    """RGB on black: limbs as long ovals, joints as discs, each in its own colour."""
    canvas = np.zeros((size[1], size[0], 3), np.uint8)
    for limb, colour in zip(LIMBS[:SHOWN], COLOURS, strict=False):
        for body in bodies:
            one, other = body[limb.one], body[limb.other]
            if one and other:
                middle = int((one.x + other.x) / 2), int((one.y + other.y) / 2)
                length, angle = math.hypot(one.x - other.x, one.y - other.y), math.degrees(math.atan2(one.y - other.y, one.x - other.x))
                cv2.ellipse(canvas, middle, (int(length / 2), STROKE), int(angle), 0, 360, colour, -1)
    canvas = (canvas * FAINT).astype(np.uint8)
    for part, colour in enumerate(COLOURS):
        for body in bodies:
            if joint := body[part]:
                cv2.circle(canvas, (int(joint.x), int(joint.y)), STROKE, colour, -1)
    return Image.fromarray(canvas)
