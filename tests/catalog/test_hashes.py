"""Hashes are right, remembered while a file stays as it is, and forgotten when it changes."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import threading
from pathlib import Path

import pytest

from modules.catalog.hashes import HashCache
from modules.core.errors import BadModelFile


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "cache" / "hashes.db")


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_hash_is_known_after_it_was_asked_for(tmp_path: Path, cache: HashCache) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"weights")
    assert cache.known(file) == ""
    assert cache.sha256(file) == sha256(b"weights") == cache.known(file)
    assert HashCache(tmp_path / "cache" / "hashes.db").known(file) == sha256(b"weights")


def test_a_changed_file_is_hashed_again(tmp_path: Path, cache: HashCache) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"first")
    cache.sha256(file)
    file.write_bytes(b"other")  # same size
    os.utime(file, ns=(1, 1))
    assert cache.known(file) == ""
    assert cache.sha256(file) == sha256(b"other")


def test_a_replaced_file_of_another_size_is_hashed_again(tmp_path: Path, cache: HashCache) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(b"first")
    before = os.stat(file).st_mtime_ns
    cache.sha256(file)
    file.write_bytes(b"longer than it was")
    os.utime(file, ns=(before, before))
    assert cache.known(file) == ""


def test_the_hash_of_a_folder_is_that_of_its_weights(tmp_path: Path, cache: HashCache) -> None:
    for name, data in (("vae/b.safetensors", b"B"), ("unet/a.safetensors", b"A"), ("README.md", b"text")):
        (tmp_path / "model" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "model" / name).write_bytes(data)
    expected = sha256(f"unet/a.safetensors {sha256(b'A')}\nvae/b.safetensors {sha256(b'B')}\n".encode())
    assert cache.known(tmp_path / "model") == ""
    assert cache.sha256(tmp_path / "model") == expected == cache.known(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_bytes(b"other text")
    assert cache.known(tmp_path / "model") == expected
    (tmp_path / "model" / "vae" / "b.safetensors").write_bytes(b"longer")
    assert cache.known(tmp_path / "model") == ""


def test_a_missing_file_is_refused(tmp_path: Path, cache: HashCache) -> None:
    assert cache.known(tmp_path / "gone") == ""
    with pytest.raises(BadModelFile, match="gone"):
        cache.sha256(tmp_path / "gone")


@pytest.mark.parametrize("damage", [b"no database at all, only text" * 100, b""])
def test_a_damaged_cache_is_made_anew(tmp_path: Path, damage: bytes) -> None:
    database = tmp_path / "hashes.db"
    database.write_bytes(damage)
    file = tmp_path / "x"
    file.write_bytes(b"1")
    HashCache(database).sha256(file)
    assert HashCache(database).known(file) == sha256(b"1")


def test_a_table_of_other_columns_does_no_harm(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "hashes.db") as database:
        database.execute("CREATE TABLE hashes (other TEXT)")
    file = tmp_path / "x"
    file.write_bytes(b"1")
    assert HashCache(tmp_path / "hashes.db").sha256(file) == sha256(b"1")


def test_without_a_place_it_works_in_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in the way")
    cache = HashCache(tmp_path / "file" / "hashes.db")
    assert cache.sha256(tmp_path / "file") == cache.known(tmp_path / "file") == sha256(b"in the way")


def test_many_threads_may_ask_at_once(tmp_path: Path, cache: HashCache) -> None:
    files = [tmp_path / f"{number}.bin" for number in range(12)]
    for number, file in enumerate(files):
        file.write_bytes(bytes([number]) * 1000)
    found: dict[Path, set[str]] = {file: set() for file in files}

    def ask() -> None:
        for file in files:
            found[file].add(cache.sha256(file))
            found[file].add(cache.known(file))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {file: {sha256(file.read_bytes())} for file in files}


def test_the_hash_of_the_weights_alone_leaves_the_header_out(tmp_path: Path, cache: HashCache) -> None:
    file = tmp_path / "x.safetensors"
    for header in (b'{"a": 1}', b'{"a": 1, "__metadata__": {}}'):
        file.write_bytes(len(header).to_bytes(8, "little") + header + b"tensors")
        assert cache.data_sha256(file) == sha256(b"tensors") == cache.known_data(file)
        assert cache.sha256(file) == sha256(file.read_bytes())
    other = tmp_path / "x.pt"
    other.write_bytes(b"PK no safetensors")
    assert cache.data_sha256(other) == sha256(b"PK no safetensors")


def test_many_at_once_are_as_one_by_one(tmp_path: Path) -> None:
    cache = HashCache(tmp_path / "hashes.db")
    paths = [tmp_path / name for name in ("a", "b", "gone", "folder", "link", "changed")]
    for path in (paths[0], paths[1], paths[5]):
        path.write_bytes(path.name.encode())
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x.safetensors").write_bytes(b"x")
    (tmp_path / "link").symlink_to(paths[0])
    for path in (paths[0], paths[3], paths[5]):
        cache.sha256(path)
    paths[5].write_bytes(b"another length")
    assert cache.known_of(paths) == [cache.known(path) for path in paths]
    assert [bool(found) for found in cache.known_of(paths)] == [True, False, False, True, True, False]
