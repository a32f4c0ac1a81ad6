"""The trash: a model goes with what lies beside it, comes back to where it was, and nothing is deleted but by emptying."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from modules.core.errors import NotFound, OutputTrouble, Unsupported
from modules.stock import trash
from tests.catalog import files
from tests.stock.conftest import House


def kept(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_away_and_back(house: House) -> None:
    place = house.models / "Lora" / "deep"
    files.write(place / "moss.safetensors", {"lora_unet_x.lora_down.weight": (2, 4)})
    (place / "moss.preview.png").write_bytes(b"picture")
    (place / "moss.json").write_text("{}")
    (place / "moss 2.json").write_text("{}")
    before = kept(house.models)
    gone = house.stock.bin(house.id("moss"))
    assert gone.names == ("moss.safetensors", "moss.preview.png", "moss.json") and gone.home == place
    assert [path.name for path in place.iterdir() if path.name != ".trash"] == ["moss 2.json"]
    assert "moss" not in {row["name"] for row in house.stock.rows()}
    assert [one.id for one in house.stock.binned()] == [gone.id]
    (place / "moss.json").write_text("another")
    with pytest.raises(OutputTrouble, match="there again"):
        house.stock.restore(gone.id)
    (place / "moss.json").unlink()
    house.stock.restore(gone.id)
    assert kept(house.models) == before and house.id("moss") and house.stock.binned() == []
    assert not (place / ".trash").exists()


def test_only_emptying_deletes(house: House) -> None:
    files.write(house.models / "embeddings" / "a.safetensors", {"emb_params": (1, 768)})
    gone = house.stock.bin(house.id("a"))
    with pytest.raises(NotFound):
        house.stock.empty([gone.id, "../../etc"])
    assert house.stock.empty([gone.id]) == gone.size and house.stock.binned() == []
    assert kept(house.models) == {}


def test_a_move_that_fails_half_way_is_taken_back(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    place = house.models / "embeddings"
    files.write(place / "a.safetensors", {"emb_params": (1, 768)})
    (place / "a.json").write_text("{}")
    real = os.rename

    def fails(source: Path, target: Path) -> None:
        if Path(source).name == "a.json":
            raise PermissionError(13, "no")
        real(source, target)

    id = house.id("a")
    monkeypatch.setattr(os, "rename", fails)
    with pytest.raises(OutputTrouble):
        house.stock.bin(id)
    monkeypatch.undo()
    assert (place / "a.safetensors").exists() and (place / "a.json").exists()


def test_what_belongs_to_easel_stays_and_strange_folders_are_passed_over(house: House) -> None:
    with pytest.raises(Unsupported):
        house.stock.bin(house.id("easel-starter"))
    place = house.models / "Lora" / ".trash" / "20260101-000000-00000000"
    place.mkdir(parents=True)
    (place / trash.NOTE).write_text('{"names": ["../../../secret", 3]}')
    assert house.stock.binned() == []
