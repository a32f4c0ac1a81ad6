"""Which inputs nothing refers to any more; anything else stays."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from modules.core.blobs import Blobs
from modules.core.errors import OutputTrouble
from modules.core.groups.editing import Init, Mask
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.infotext import files
from modules.jobs.job import Job, State
from modules.jobs.store import Store
from modules.jobs.tidy import idle


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "inputs")


def brought(blobs: Blobs, name: str, days: float = 2) -> str:
    reference = blobs.put(name.encode())
    path = next(path for path in blobs.folder.glob("*/*") if path.read_bytes() == name.encode())
    os.utime(path, (path.stat().st_mtime - days * 86400,) * 2)
    return reference


def saved(path: Path, reference: str, format: Any) -> None:
    document = {"easel": "1", "request": to_dict(GenerationRequest(init=Init(image=reference)))}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(files.encode(Image.new("RGB", (16, 16)), "x", document, format))


def test_what_history_outputs_or_somebody_may_need_stays(blobs: Blobs, store: Store, outputs: Path, tmp_path: Path) -> None:
    names = {name: brought(blobs, name) for name in ("asked", "resolved", "mask", "png", "jpg", "webp", "avif", "linked", "idle", "idle too")}
    brought(blobs, "young", days=0.5)
    store.add(Job(id="one", request=GenerationRequest(init=Init(image=names["asked"]), mask=Mask(image=names["mask"]))))
    store.add(Job(id="two", request=GenerationRequest(), resolved=GenerationRequest(init=Init(image=names["resolved"])), state=State.DONE))
    for format in ("png", "jpg", "webp", "avif"):
        saved(outputs / "img2img-images" / "day" / f"1.{format}", names[format], format)
    saved(tmp_path / "disk" / "2.png", names["linked"], "png")
    (outputs / "more").symlink_to(tmp_path / "disk")
    (outputs / "more" / "round").symlink_to(outputs)
    (outputs / "empty.txt").touch()
    if hasattr(os, "mkfifo"):
        os.mkfifo(outputs / "pipe")
    found = idle(blobs, store, [outputs])
    assert set(found.references) == {names["idle"], names["idle too"]}
    assert (found.size, found.kept) == (len("idle") + len("idle too"), 9)
    store.delete("one")
    assert set(idle(blobs, store, [outputs]).references) == {names[name] for name in ("idle", "idle too", "asked", "mask")}


def test_an_empty_store(blobs: Blobs, store: Store, outputs: Path) -> None:
    assert idle(blobs, store, [outputs]).references == ()


def test_where_a_file_cannot_be_looked_at_nothing_is_idle(blobs: Blobs, store: Store, outputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(blobs, "x")
    saved(outputs / "1.png", "sha256:" + "0" * 64, "png")

    def closed(self: Path, *_: object) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    with pytest.raises(OutputTrouble, match=r"1\.png.*Permission denied"):
        idle(blobs, store, [outputs])
