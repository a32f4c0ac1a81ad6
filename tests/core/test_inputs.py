"""Which input pictures a request needs, and what is said where they are not here."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.core.blobs import Blobs
from modules.core.errors import NotFound
from modules.core.extras import ExtrasRequest
from modules.core.groups.editing import Init, Mask
from modules.core.groups.passes import Script
from modules.core.inputs import check, missing, references
from modules.core.request import GenerationRequest

A, B, C = (f"sha256:{digit * 64}" for digit in "abc")


def test_those_that_act() -> None:
    request = GenerationRequest(init=Init(image=A), mask=Mask(image=B), script=Script(name="x", args={"also": [{"here": C}], "text": "sha256:no"}))
    assert references(request) == {"init.image": A, "mask.image": B, "script.args.also.0.here": C}
    assert references(GenerationRequest(mask=Mask(image=B))) == {}
    assert references(GenerationRequest(prompt=f"a {A}")) == {}


def test_each_that_is_missing_is_named_in_words(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    here = blobs.put(b"a picture")
    check(GenerationRequest(init=Init(image=here)), blobs)
    with pytest.raises(NotFound, match=r"the start picture \(sha256:aaaaaaaaaa…\) and the mask \(sha256:bbbbbbbbbb…\), which are not on this machine") as both:
        check(GenerationRequest(init=Init(image=A), mask=Mask(image=B)), blobs)
    assert both.value.field == "init.image" and "saved with its inputs" in both.value.remedy
    with pytest.raises(NotFound, match=r"needs the mask \(.*which is not") as one:
        check(GenerationRequest(init=Init(image=here), mask=Mask(image=B)), blobs)
    assert one.value.field == "mask.image"
    assert missing(ExtrasRequest(images=(here, A, B)), blobs) == {"the picture 2": A, "the picture 3": B}
    assert missing(ExtrasRequest(images=(A,)), blobs) == {"the picture": A}
    assert missing(GenerationRequest(init=Init(image=here), mask=Mask(image=here, latent=C)), blobs) == {"the mask for the latents": C}


def test_what_is_brought_again_is_young_again(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    reference = blobs.put(b"x")
    (path,) = (path for path in tmp_path.glob("*/*"))
    os.utime(path, (1, 1))
    (tmp_path / "ab").mkdir(exist_ok=True)
    (tmp_path / "ab" / "notes.txt").write_text("not ours")
    assert list(blobs.listed()) == [(reference, 1, 1.0)]
    blobs.put(b"x")
    assert next(blobs.listed())[2] > 1e9
