"""Looks at every picture of a folder before it is trained on: what cannot be read, what is too small, what is there twice, what has no words. No torch.

Twice: the same bytes, or nearly the same when both are made very small.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from modules.core.errors import BadPicture, InvalidRequest
from modules.training import dataset
from modules.training.dataset import NAMED, Entry, Finding
from modules.training.opening import image_of

TINIEST = 32
"""Pixels of the shorter side below which a picture teaches nothing."""
THUMB = 16
NEAR = 2.5
"""Mean difference of 255 between two thumbs of the same picture, scaled or compressed otherwise."""
COMPARED = 20_000
"""Pictures that are compared with each other, at most."""


@dataclass(frozen=True)
class Checked:
    """entries: what can be trained on. findings: what a person should know, the worst first."""

    entries: tuple[Entry, ...]
    findings: tuple[Finding, ...]

    @property
    def stopped(self) -> Finding | None:
        return next((finding for finding in self.findings if finding.stops), None)

    def usable(self, field: str) -> tuple[Entry, ...]:
        """Raises InvalidRequest with the first thing that must be mended before."""
        if worst := self.stopped:
            raise InvalidRequest(str(worst), "", field)
        return self.entries


def check(folder: Path, side: int, worded: bool, told: Callable[[float], None] = lambda share: None) -> Checked:
    """side: of the training size, in pixels. worded: whether a picture without a caption has words nevertheless, such as a trigger. told: how far it is.
    Never raises but what `told` raises."""
    entries, findings = dataset.read(folder)
    good: list[Entry] = []
    hashes: list[str] = []
    thumbs: list[NDArray[np.int16]] = []
    broken: list[str] = []
    tiny: list[str] = []
    small: list[str] = []
    for number, entry in enumerate(entries):
        told(number / len(entries))
        try:
            image = image_of(entry.path)
            digest = hashlib.sha256(entry.path.read_bytes()).hexdigest()
        except (BadPicture, OSError):
            broken.append(entry.name)
            continue
        if min(image.size) < TINIEST:
            tiny.append(entry.name)
            continue
        if image.width * image.height < (side * 0.75) ** 2:
            small.append(entry.name)
        good.append(entry)
        hashes.append(digest)
        thumbs.append(np.asarray(image.resize((THUMB, THUMB), Image.Resampling.BOX), np.int16).reshape(-1))
    same, near = _twice(good, hashes, thumbs)
    silent = [entry.name for entry in good if not entry.caption]

    def add(files: Sequence[str], what: str, remedy: str, stops: bool = False) -> None:
        if files:
            findings.append(Finding(f"{len(files)} {'pictures' if len(files) > 1 else 'picture'} {what}", remedy, tuple(files[:NAMED]), stops))

    add(broken, "cannot be read and will be left out", "Replace or delete the files.")
    add(tiny, f"under {TINIEST} pixels of height or width will be left out", "Give larger ones.")
    add(small, f"smaller than {side} x {side} will be enlarged", "Larger ones would come out sharper.")
    add(same, "there twice, byte for byte", "Delete one of each, unless that is meant: it counts twice.")
    add(near, "nearly the same as another one", "Delete one of each, unless that is meant: what they show is learnt more firmly.")
    if good and not worded and len(silent) == len(good):
        findings.append(Finding("No picture has a caption, and there is no trigger word.", "Give a trigger word, or captions in .txt files.", stops=True))
    elif not worded:
        add(silent, "without a caption will be trained without words", "Give captions, or a trigger word.")
    if entries and not good:
        findings.append(Finding("None of the pictures can be used.", "Give others.", stops=True))
    told(1.0)
    return Checked(tuple(good), tuple(sorted(findings, key=lambda finding: not finding.stops)))


def _twice(entries: Sequence[Entry], hashes: Sequence[str], thumbs: Sequence[NDArray[np.int16]]) -> tuple[list[str], list[str]]:
    """Names of pictures that an earlier one is like: to the byte, and nearly."""
    same, near = [], []
    first: dict[str, str] = {}
    table = np.stack(thumbs).astype(np.float32) if thumbs and len(thumbs) <= COMPARED else np.zeros((0, 1), np.float32)
    for number, (entry, digest) in enumerate(zip(entries, hashes, strict=True)):
        if digest in first:
            same.append(f"{entry.name} (as {first[digest]})")
            continue
        first[digest] = entry.name
        if number and number < len(table):
            apart = np.abs(table[:number] - table[number]).mean(1)
            if apart.min() < NEAR:
                near.append(f"{entry.name} (as {entries[int(apart.argmin())].name})")
    return same, near
