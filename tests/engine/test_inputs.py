"""Inputs packed into a picture, and kept again where it is made again."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from modules.core.blobs import Blobs
from modules.core.errors import BadPicture, NotFound, Unsupported
from modules.core.groups.editing import Init, Mask
from modules.core.params import to_dict
from modules.core.request import GenerationRequest
from modules.engine.inputs import packed, restore, told
from modules.infotext import files
from modules.infotext.packing import pack
from modules.infotext.read import read


def picture(colour: int, request: GenerationRequest | None = None) -> bytes:
    document = {"easel": "1", "request": to_dict(request)} if request else None
    return files.encode(Image.new("RGB", (16, 16), (colour, 0, 0)), "", document)


@pytest.fixture
def here(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "here")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "elsewhere")


def test_a_picture_takes_its_inputs_to_another_machine(here: Blobs, elsewhere: Blobs) -> None:
    request = GenerationRequest(init=Init(image=here.put(picture(1))), mask=Mask(image=here.put(picture(2))))
    file = packed(picture(3, request), here)
    assert restore(file, request, elsewhere) == ["the start picture", "the mask"]
    assert elsewhere.get(request.init.image) == picture(1) and elsewhere.get(request.mask.image) == picture(2)
    assert restore(file, request, elsewhere) == []
    assert Image.open(io.BytesIO(file)).tobytes() == Image.open(io.BytesIO(picture(3))).tobytes()


def test_only_what_the_request_names_and_only_pictures_are_kept(elsewhere: Blobs) -> None:
    inputs = {f"sha256:{hashlib.sha256(body).hexdigest()}": body for body in (picture(1), picture(2), b"no picture")}
    start, _, nothing = inputs
    request = GenerationRequest(init=Init(image=start), mask=Mask(image=nothing))
    assert restore(pack(picture(3, request), inputs), request, elsewhere) == ["the start picture"]
    assert [reference for reference, _, _ in elsewhere.listed()] == [start]


def test_the_table_says_which_are_missing_and_which_the_file_carries(here: Blobs, elsewhere: Blobs) -> None:
    request = GenerationRequest(init=Init(image=here.put(picture(1))), mask=Mask(image=here.put(picture(2))))
    plain = picture(3, request)

    def states(data: bytes, blobs: Blobs) -> dict[str, tuple[str, str]]:
        return {row.key: (row.state, row.note) for row in told(read(files.read(data)), data, blobs).rows if row.key in ("Start picture", "Mask")}

    lost, carried = ("not restored", "It is not on this machine."), ("restored", "The file carries it along.")
    assert states(plain, here) == {"Start picture": ("restored", ""), "Mask": ("restored", "")}
    assert states(plain, elsewhere) == {"Start picture": lost, "Mask": lost}
    assert states(packed(plain, here), elsewhere) == {"Start picture": carried, "Mask": carried}
    elsewhere.put(picture(1))
    notes = told(read(files.read(plain)), plain, elsewhere).notes
    assert len(notes) == 1 and notes[0].startswith("Mask is not on this machine.")


def test_what_cannot_be_packed_is_said(here: Blobs) -> None:
    with pytest.raises(Unsupported, match="prompt alone"):
        packed(picture(1, GenerationRequest(prompt="x")), here)
    with pytest.raises(BadPicture, match="does not say"):
        packed(picture(1), here)
    with pytest.raises(NotFound, match="the start picture"):
        packed(picture(1, GenerationRequest(init=Init(image="sha256:" + "0" * 64))), here)
