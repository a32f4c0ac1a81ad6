"""The stock of models over real files: what a card shows, what lies beside it, and that nothing outside the listed files can be reached."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from modules.catalog import beside, titles
from modules.catalog.hashes import HashCache
from modules.catalog.scan import Library
from modules.core.errors import BadModelFile, BadPicture, InvalidRequest, NotFound
from modules.core.paths import Paths
from modules.stock.ids import id_of
from modules.stock.rows import within
from modules.stock.stock import Stock
from modules.stock.thumbs import SIDE, Thumbs, inside
from tests.catalog import files


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return tmp_path / "models"


@pytest.fixture
def stock(tmp_path: Path, models: Path) -> Stock:
    files.write(models / "Stable-diffusion" / "art" / "ink.safetensors", files.SD1, {"modelspec.trigger_phrase": "ink wash"})
    files.write(models / "embeddings" / "moss.safetensors", {"emb_params": (2, 768)})
    (models / "Stable-diffusion" / "cut.safetensors").write_bytes(b"\x40\0\0\0\0\0\0\0{")
    paths = Paths(data=tmp_path, models=models)
    return Stock(Library(paths, HashCache(None)), paths.favourites)


def row(stock: Stock, name: str) -> dict:
    return next(row for row in stock.rows() if row["name"] == name)


def picture(path: Path, size: tuple[int, int] = (700, 900)) -> None:
    Image.new("RGB", size, "teal").save(path)


def test_a_card_shows_what_lies_beside_its_file(stock: Stock, models: Path) -> None:
    place = models / "Stable-diffusion" / "art"
    plain = row(stock, "ink")
    assert (plain["group"], plain["folder"], plain["family"], plain["picture"], plain["favourite"]) == ("checkpoint", "art", "sd1", "", False)
    picture(place / "ink.png")
    (place / "ink.json").write_text(json.dumps({"description": "for skies", "activation text": "ink wash", "preferred weight": 0.7, "negative text": "colour"}))
    (place / "ink.civitai.info").write_text(json.dumps({"trainedWords": ["inky", 3, ""], "baseModel": "SD 1.5", "model": {"name": "Ink"}}))
    told = row(stock, "ink")
    assert (told["about"], told["activation"], told["weight"], told["negative"]) == ("for skies", "ink wash", 0.7, "colour")
    assert told["words"] == ["inky"] and told["picture"]
    picture(place / "ink.preview.png", (40, 40))
    assert row(stock, "ink")["picture"] != told["picture"], "NAME.preview.png counts before NAME.png"


def test_a_card_says_what_its_file_is_in_words_and_whose_latents_it_has(stock: Stock) -> None:
    assert (row(stock, "ink")["called"], row(stock, "ink")["space"]) == ("Stable Diffusion 1.x", "sd1")
    assert (row(stock, "cut")["called"], row(stock, "cut")["space"]) == ("", "")
    assert [titles.called(word) for word in ("z-image", "clip-vision-h", "t5-xxl", "sdxl-vpred", "sd1/sdxl")] == [
        "Z-Image", "CLIP Vision H", "T5-XXL", "SDXL vpred", "Stable Diffusion 1.x or SDXL",
    ]  # fmt: skip


def test_a_broken_file_is_a_card_with_its_trouble(stock: Stock) -> None:
    broken = row(stock, "cut")
    assert "cut short" in broken["trouble"]
    with pytest.raises(BadModelFile):
        stock.tensors(broken["id"])
    assert stock.detail(broken["id"])["metadata"] == {}


def test_detail_and_tensors(stock: Stock) -> None:
    id = row(stock, "ink")["id"]
    detail, found = stock.detail(id), stock.tensors(id)
    assert detail["metadata"] == {"modelspec.trigger_phrase": "ink wash"} and detail["words"] == ["ink wash"]
    assert found["count"] == len(files.SD1)
    assert found["tensors"][0] == {"name": next(iter(files.SD1)), "dtype": "F16", "shape": [32, 4, 3, 3], "bytes": 2 * 32 * 4 * 9}


def test_notes_are_kept_as_a1111_keeps_them_and_foreign_keys_stay(stock: Stock, models: Path) -> None:
    id, file = row(stock, "moss")["id"], models / "embeddings" / "moss.json"
    file.write_text('{"some tool": [1], "notes": "old"}')
    stock.note(id, {"notes": "", "activation": "mossy", "weight": 0.5})
    assert json.loads(file.read_text()) == {"some tool": [1], "notes": "", "activation text": "mossy", "preferred weight": 0.5}
    assert row(stock, "moss")["activation"] == "mossy"
    for wrong in ({"path": "x"}, {"weight": 1e9}, {"notes": 3}, {"notes": "x" * 30_000}):
        with pytest.raises(InvalidRequest):
            stock.note(id, wrong)
    file.write_text("[no table")
    with pytest.raises(InvalidRequest, match="holds no notes"):
        stock.note(id, {"notes": "x"})
    assert file.read_text() == "[no table", "what is there is never lost"


def test_favourites_outlive_the_process(stock: Stock, tmp_path: Path, models: Path) -> None:
    id = row(stock, "moss")["id"]
    stock.favour(id, True)
    paths = Paths(data=tmp_path, models=models)
    again = Stock(Library(paths, HashCache(None)), paths.favourites)
    assert row(again, "moss")["favourite"] and not row(again, "ink")["favourite"]
    again.favour(id, False)
    assert not stock.favourites()


@pytest.mark.parametrize("id", ["", "0" * 16, "../../etc/passwd", id_of(Path("/etc/passwd"))])
def test_only_listed_files_can_be_reached(stock: Stock, id: str) -> None:
    for ask in (stock.detail, stock.tensors, stock.thumb):
        with pytest.raises(NotFound):
            ask(id)


def test_thumbnails_are_small_and_bad_pictures_are_refused(stock: Stock, models: Path, tmp_path: Path) -> None:
    picture(models / "embeddings" / "moss.preview.png")
    small = Image.open(io.BytesIO(stock.thumb(row(stock, "moss")["id"])))
    assert small.format == "WEBP" and small.width <= SIDE[0] and small.height <= SIDE[1]
    with pytest.raises(NotFound):
        stock.thumb(row(stock, "ink")["id"])
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"\x89PNG\r\n\x1a\nno picture")
    with pytest.raises(BadPicture):
        Thumbs().of(bad)
    assert inside("data:image/png;base64,AAAA") == b"\0\0\0" and inside("data:text/html,x") == b"" and inside("nothing") == b""


def test_trigger_words() -> None:
    assert beside.trigger_words({"ss_tag_frequency": '{"a": {"red fox": 2, "forest": 5}, "b": {"red fox": 9}}'}) == ("red fox", "forest")
    for odd in ("[", "[1]", '{"a": 3}', '{"a": {"x": "y"}}', "[" * 50_000):
        assert beside.trigger_words({"ss_tag_frequency": odd}) == ()


def test_folders_are_told_within_their_kind() -> None:
    assert within(Path("/m/Lora/a/b"), ["/m/Lora"]) == "a/b"
    assert within(Path("/m/Lora"), ["/m/Lora"]) == "" == within(Path("/else"), ["/m/Lora"])


def test_what_changes_beside_a_model_is_seen_at_once_and_nothing_else_is_read_again(stock: Stock, models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place, notes = models / "Stable-diffusion" / "art", beside.notes
    read: list[str] = []

    def told(path: Path, name: str, names: frozenset[str] | None = None) -> beside.Notes:
        read.append(name)
        return notes(path, name, names)

    (place / "ink.json").write_text(json.dumps({"description": "one"}))
    stock.rows()
    monkeypatch.setattr(beside, "notes", told)
    stock.rows()
    assert read == []
    (place / "ink.json").write_text(json.dumps({"description": "two and more"}))
    assert row(stock, "ink")["about"] == "two and more" and read == ["ink"]
    (place / "ink.json").unlink()
    assert row(stock, "ink")["about"] == ""
    stock.favour(row(stock, "ink")["id"], True)
    assert row(stock, "ink")["favourite"]
