"""The library finds what lies in the folders, lists what is broken with its reason, and finds a model by every name it has."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from modules.catalog.hashes import HashCache
from modules.catalog.scan import CLIP_VOCABULARY, STARTER, Library
from modules.core.errors import BadModelFile, NotFound
from modules.core.paths import Paths
from tests.catalog.files import SD1, write
from tests.catalog.test_detect import FOLDER, folder


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    return Paths(data=tmp_path / "data", models=tmp_path / "models")


@pytest.fixture
def place(paths: Paths) -> Path:
    folder = paths.models / "Stable-diffusion"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def library(paths: Paths, place: Path) -> Library:
    return Library(paths, HashCache(paths.hash_cache))


def names(library: Library) -> list[str]:
    """Without the starter, which every library has."""
    return [card.name for card in library.checkpoints() if card.path != STARTER]


def test_the_starter_model_is_always_there_and_usable(library: Library) -> None:
    card = library.default()
    assert card is not None and card.path == STARTER
    assert (card.family, card.prediction, card.trouble) == ("sd1", "v", "")
    assert card.defaults["width"] == 128 and card.example and card.note and len(card.preview) == 5
    assert library.vocabulary_folder(card) == STARTER / "tokenizer"


def test_the_users_own_come_first_by_name_and_the_first_usable_is_the_default(library: Library, place: Path) -> None:
    for name in ("b.safetensors", "sub/Anime.safetensors", "c.safetensors"):
        write(place / name, SD1)
    (place / "a-broken.safetensors").write_bytes(b"cut")
    folder(place / "sub" / "folder-model", **FOLDER)
    assert [card.name for card in library.checkpoints()] == ["a-broken", "Anime", "b", "c", "folder-model", "easel-starter"]
    default = library.default()
    assert default is not None and default.name == "Anime"


def test_what_cannot_be_used_is_listed_with_its_reason(library: Library, place: Path) -> None:
    (place / "old.ckpt").write_bytes(b"no pickle that torch wrote")
    (place / "broken.safetensors").write_bytes(b"cut")
    write(place / "lora.safetensors", {"lora_unet_x.lora_down.weight": (1,)})
    write(place / "bad-yaml.safetensors", SD1)
    (place / "bad-yaml.yaml").write_text("[")
    write(place / "fine.vae.safetensors", {"decoder.conv_in.weight": (1,)})
    write(place / ".hidden.safetensors", SD1)
    (place / "notes.txt").write_text("no model")
    troubles = {card.name: card.trouble for card in library.checkpoints() if card.trouble}
    assert set(troubles) == {"old", "broken", "lora", "bad-yaml"}
    assert "torch" in troubles["old"] and "3 bytes" in troubles["broken"] and "LoRA" in troubles["lora"] and "yaml" in troubles["bad-yaml"]
    for name in troubles:
        with pytest.raises(BadModelFile, match="cannot be used"):
            library.checkpoint(name)


def test_links_in_circles_and_the_same_file_twice(library: Library, place: Path, paths: Paths) -> None:
    write(place / "real" / "a.safetensors", SD1)
    os.symlink(place, place / "real" / "up")
    os.symlink(place / "real" / "a.safetensors", place / "zz-link.safetensors")
    os.symlink(place / "nowhere", place / "dangling.safetensors")
    assert names(library) == ["dangling", "zz-link"]
    assert [card.name for card in library.checkpoints() if card.trouble] == ["dangling"]


def test_further_folders_from_flags_are_searched(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere" / "deep" / "x.safetensors", SD1)
    folder(tmp_path / "direct", **FOLDER)
    paths = Paths(data=tmp_path, models=tmp_path / "none", checkpoints=(tmp_path / "elsewhere", tmp_path / "direct"))
    assert names(Library(paths, HashCache(paths.hash_cache))) == ["direct", "x"]


def test_a_new_or_changed_file_is_seen_after_a_refresh(library: Library, place: Path) -> None:
    path = place / "a.safetensors"
    path.write_bytes(b"cut")
    assert library.checkpoints()[0].trouble
    write(path, SD1)
    write(place / "b.safetensors", SD1)
    assert names(library) == ["a"]
    library.refresh()
    assert names(library) == ["a", "b"] and not library.checkpoints()[0].trouble
    (place / "a.yaml").write_text("model: {params: {parameterization: v}}")
    library.refresh()
    assert library.checkpoint("a").prediction == "v" and library.checkpoint("a").config == place / "a.yaml"


@pytest.mark.parametrize("name", ["Model_One", "model_one", "Model_One.safetensors", "sub/model_one", "SUB\\Model_One.safetensors", " Model_One "])
def test_a_model_is_found_by_its_names(library: Library, place: Path, name: str) -> None:
    write(place / "sub" / "Model_One.safetensors", SD1)
    write(place / "other.safetensors", SD1, fill=1)
    assert library.checkpoint(name).name == "Model_One"


def test_a_model_is_found_by_its_hash(library: Library, place: Path) -> None:
    first = library.hashed(library.checkpoint(write(place / "one.safetensors", SD1).stem))
    write(place / "two.safetensors", SD1, fill=1)
    library.refresh()
    assert library.checkpoint(first.sha256).name == "one"
    assert library.checkpoint(first.short_hash.upper()).name == "one"
    assert library.checkpoint(f"one.safetensors [{first.short_hash}]").name == "one"
    assert library.checkpoint(library.checkpoint("one").title).sha256 == first.sha256
    assert library.checkpoint("", first.sha256).name == "one"
    assert library.checkpoint("one", first.short_hash).name == "one"


def test_a_hash_is_binding(library: Library, place: Path) -> None:
    """A renamed file is found, another file of the same name is not taken."""
    sha256 = library.hashed(library.checkpoint(write(place / "before.safetensors", SD1).stem)).sha256
    (place / "before.safetensors").rename(place / "after.safetensors")
    write(place / "before.safetensors", SD1, fill=1)
    library.refresh()
    assert library.checkpoint("before", sha256).name == "after"
    (place / "after.safetensors").unlink()
    library.refresh()
    with pytest.raises(NotFound) as missing:
        library.checkpoint("before", sha256)
    assert sha256[:10] in missing.value.what and "another file" in missing.value.what
    with pytest.raises(NotFound):
        library.checkpoint("before", "not a hash")


def test_two_models_of_one_name_are_told_apart(library: Library, place: Path) -> None:
    write(place / "x" / "same.safetensors", SD1)
    write(place / "y" / "same.safetensors", SD1, fill=1)
    assert library.checkpoint("y/same").path == place / "y" / "same.safetensors"
    sha256 = library.hashed(library.checkpoint("y/same")).sha256
    assert library.checkpoint("same", sha256).path == place / "y" / "same.safetensors"


def test_a_missing_model_is_named_with_the_nearest(library: Library, place: Path) -> None:
    write(place / "dreamshaper_8.safetensors", SD1)
    with pytest.raises(NotFound) as missing:
        library.checkpoint("dreamshaper_7.safetensors", "abcdef0123")
    assert missing.value.candidates[0] == "dreamshaper_8" and missing.value.field == "model"
    assert "abcdef0123" in missing.value.what and "dreamshaper_8" in missing.value.remedy


@pytest.mark.parametrize("name", ["x" * 100_000, "\0", "../../etc/passwd", "[", "[abcdef12]", " ", "a [zz]", "\ud800"])
def test_no_name_does_harm(library: Library, name: str) -> None:
    if name.strip():
        with pytest.raises(NotFound):
            library.checkpoint(name)
    else:
        assert library.checkpoint(name).path == STARTER


def test_listing_never_hashes_and_the_background_does(library: Library, place: Path) -> None:
    write(place / "a.safetensors", SD1)
    (place / "b.safetensors").write_bytes(b"cut")
    assert not any(card.sha256 for card in library.checkpoints() if card.path != STARTER)
    library.hash_all(threading.Event())
    assert {card.name: bool(card.sha256) for card in library.checkpoints()} == {"a": True, "b": False, "easel-starter": True}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("sub/one.safetensors [0123456789]", "one"),
        ("ONE", "one"),
        ("gone.safetensors [HASH OF two]", "two"),
        ("one.safetensors [HASH OF two]", "two"),
        ("HASH OF two", "two"),
        ("gone.safetensors [0123456789]", ""),
        ("broken", ""),
    ],
)
def test_what_a_page_begins_with_is_found_without_reading_a_file(library: Library, place: Path, said: str, expected: str) -> None:
    write(place / "sub" / "one.safetensors", SD1)
    write(place / "two.safetensors", SD1, fill=2)
    write(place / "three.safetensors", SD1, fill=3)
    (place / "broken.safetensors").write_bytes(b"cut")
    known = library.hashed(library.checkpoint("two")).short_hash
    found = library.preferred(said.replace("HASH OF two", known))
    assert (found.name if found else "") == expected
    assert sum(bool(card.sha256) for card in library.checkpoints() if card.path != STARTER) == 1, "only the one that was hashed before"


def test_background_hashing_stops_when_told(library: Library, place: Path) -> None:
    write(place / "a.safetensors", SD1)
    stop = threading.Event()
    stop.set()
    library.hash_all(stop)
    assert not any(card.sha256 for card in library.checkpoints())


def test_embeddings(library: Library, paths: Paths) -> None:
    own = paths.models / "embeddings"
    write(own / "bad_hands.safetensors", {"emb_params": (8, 768)})
    write(own / "One.safetensors", {"<token>": (32,)})
    write(own / "lora.safetensors", {"lora_unet_x": (1, 2), "lora_te_x": (1, 2)})
    (own / "old.pt").write_bytes(b"pickle")
    write(paths.data / "embeddings" / "bad_hands.safetensors", {"emb_params": (1, 768)})
    found = {card.name: card for card in library.embeddings()}
    assert {name for name, card in found.items() if not card.trouble} == {"bad_hands", "One"}
    assert found["bad_hands"].note == "8 vectors of 768" and found["bad_hands"].family == "sd1" and found["bad_hands"].kind == "embedding"
    assert found["One"].note == "1 vector of 32"
    assert "no file of tensors" in found["old"].trouble and "no textual inversion" in found["lora"].trouble
    assert library.hashed(found["One"]).sha256


def test_every_file_is_found_by_what_it_is_in_whichever_folder(library: Library, place: Path, paths: Paths) -> None:
    lora = {"lora_unet_x.lora_down.weight": (4, 8), "lora_unet_x.lora_up.weight": (8, 4), "lora_unet_x.alpha": ()}
    write(place / "stray.safetensors", lora)
    write(paths.models / "Lora" / "style" / "Ink.safetensors", lora, fill=1)
    write(paths.models / "VAE" / "broken.safetensors", lora).write_bytes(b"cut")
    assert [card.name for card in library.files("lora")] == ["Ink", "stray"]
    assert [card.name for card in library.checkpoints() if card.trouble] == ["stray"]
    assert library.named("lora", "style/ink").name == "Ink" and library.named("lora", "stray").trouble == ""
    sha256 = library.hashed(library.named("lora", "Ink")).sha256
    assert library.named("lora", "", sha256).name == "Ink" == library.named("lora", "other", sha256[:12]).name
    assert {card.name for card in library.files()} >= {"Ink", "stray", "broken", "easel-starter"}
    with pytest.raises(NotFound, match="LoRA"):
        library.named("lora", "Inc")


def test_a_single_file_takes_the_bundled_vocabulary(library: Library, place: Path) -> None:
    write(place / "a.safetensors", SD1)
    assert library.vocabulary_folder(library.checkpoint("a")) == CLIP_VOCABULARY == library.vocabulary_folder(None)
    assert (CLIP_VOCABULARY / "merges.txt").is_file()


def test_reports_are_kept_until_the_list_is_refreshed(library: Library) -> None:
    library.report_trouble("It did not load.")
    library.report_trouble("It did not load.")
    assert library.reports() == ("It did not load.",)
    library.refresh()
    assert library.reports() == ()


def test_many_threads_may_look_at_once(library: Library, place: Path) -> None:
    for number in range(20):
        write(place / f"{number}.safetensors", SD1, fill=number)
    seen: list[int] = []

    def look() -> None:
        for _ in range(5):
            library.refresh()
            seen.append(len(library.checkpoints()))
            library.checkpoint("7")

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [21] * 20
