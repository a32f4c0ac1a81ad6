"""Cards are remembered over a restart, as long as neither the file nor what lies beside it changes; a damaged memory is made anew."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modules.catalog import cards
from modules.catalog.hashes import HashCache
from modules.catalog.remembered import CardMemory
from modules.catalog.scan import Library
from modules.core.paths import Paths
from tests.catalog.files import SD1, write


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", models=tmp_path / "models")


def library(paths: Paths) -> Library:
    return Library(paths, HashCache(None), CardMemory(paths.card_cache))


LORA = {"lora_unet_x.lora_down.weight": (4, 8), "lora_unet_x.lora_up.weight": (8, 4)}


def test_a_second_start_opens_no_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    write(paths.models / "Stable-diffusion" / "a.safetensors", SD1, {"modelspec.title": "ä"})
    write(paths.models / "Lora" / "b.safetensors", LORA)
    first = library(paths).files()
    monkeypatch.setattr(cards, "opened_header", lambda path: pytest.fail(f"{path} was opened"))
    assert library(paths).files() == first
    assert {card.name for card in first} >= {"a", "b"}


def test_what_changed_is_read_again(paths: Paths) -> None:
    path = write(paths.models / "Stable-diffusion" / "a.safetensors", SD1)
    assert library(paths).checkpoint("a").prediction == "eps"
    path.with_suffix(".yaml").write_text("model: {params: {parameterization: v}}")
    assert library(paths).checkpoint("a").prediction == "v"
    path.write_bytes(b"cut")
    assert next(card for card in library(paths).checkpoints() if card.name == "a").trouble


def test_a_card_is_the_same_after_it_was_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.safetensors", SD1, {"key": "text"})
    path.with_suffix(".yaml").write_text("model: {}")
    card = cards.checkpoint(path)
    memory = CardMemory(tmp_path / "cards.db")
    memory.put("k", card)
    memory.save(["k"])
    assert CardMemory(tmp_path / "cards.db").get("k") == card and card.config
    assert CardMemory(tmp_path / "cards.db").get("other") is None


def test_many_that_are_not_used_are_forgotten(tmp_path: Path) -> None:
    card = cards.checkpoint(write(tmp_path / "a.safetensors", SD1))
    memory = CardMemory(tmp_path / "cards.db")
    for number in range(300):
        memory.put(str(number), replace(card, name=str(number)))
    memory.save([str(number) for number in range(10)])
    again = CardMemory(tmp_path / "cards.db")
    assert again.get("5") is not None and again.get("250") is None


@pytest.mark.parametrize("damage", [b"", b"no database at all" * 100, b"SQLite format 3\0" + bytes(2000)])
def test_a_damaged_memory_is_made_anew(paths: Paths, damage: bytes) -> None:
    write(paths.models / "Lora" / "b.safetensors", LORA)
    paths.card_cache.parent.mkdir(parents=True)
    paths.card_cache.write_bytes(damage)
    assert [card.name for card in library(paths).files("lora")] == ["b"]
    assert [card.name for card in library(paths).files("lora")] == ["b"]


def test_a_place_that_cannot_be_written_does_no_harm(paths: Paths) -> None:
    write(paths.models / "Lora" / "b.safetensors", LORA)
    paths.card_cache.parent.parent.mkdir(parents=True)
    paths.card_cache.parent.write_text("a file in the folder's place")
    assert [card.name for card in library(paths).files("lora")] == ["b"]
