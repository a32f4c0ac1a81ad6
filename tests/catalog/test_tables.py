"""Files with the same table of tensors are read once and told apart by their metadata and names; nothing else of their cards changes by that."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from modules.catalog import cards, header
from modules.catalog.header import Header
from modules.catalog.tables import MOST, Tables
from modules.core.errors import BadModelFile
from tests.catalog import architectures as make
from tests.catalog.files import raw, table, write

LORA = {"lora_unet_x.lora_down.weight": (4, 8), "lora_unet_x.lora_up.weight": (8, 4)}
OTHER = make.differences("lora_unet_", {"mid_block_attentions_0_proj_in": (12, 12)}, "oft")


def test_cards_are_the_same_with_and_without(tmp_path: Path) -> None:
    files = [
        write(tmp_path / f"{number}.safetensors", LORA if number % 2 else OTHER, {"ss_base_model_version": version})
        for number, version in enumerate(("sd_v1", "sd_v2") * 3)
    ]
    files += [write(tmp_path / "plain.safetensors", LORA), write(tmp_path / "ä.safetensors", LORA, {"ü": '{"a": "__metadata__"}'})]
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(files[1].read_bytes()[:-2])
    tables = Tables()
    for path in (*files, cut, *files):
        assert cards.addition(path, tables) == cards.addition(path)


def test_names_tell_two_files_of_one_table_apart(tmp_path: Path) -> None:
    shapes: dict[str, tuple[int, ...]] = {"conv1.weight": (1, 4), "conv8.weight": (3, 1)}
    tables = Tables()
    found = [cards.addition(write(tmp_path / f"{name}.safetensors", shapes), tables).architecture for name in ("sdxl", "sd15", "other")]
    assert found == ["sdxl", "sd1", "sd1/sdxl"]


def test_a_table_is_read_once(tmp_path: Path) -> None:
    tables = Tables()
    one, two = (header.examined(write(tmp_path / f"{name}.safetensors", LORA, {"name": name}), tables) for name in "ab")
    assert one.tensors is two.tensors and two.metadata == {"name": "b"}
    assert tables.once(two, "what", lambda: 1) == 1 == tables.once(one, "what", lambda: 2)
    assert tables.once(Header(dict(one.tensors)), "what", lambda: 3) == 3


def test_few_are_kept(tmp_path: Path) -> None:
    tables = Tables()
    path = tmp_path / "x.safetensors"
    first = header.examined(write(path, LORA), tables)
    for number in range(MOST):
        header.examined(write(path, {f"{number}": (1,)}), tables)
    assert header.examined(write(path, LORA), tables).tensors is not first.tensors


@pytest.mark.parametrize(
    "text", [b'{"__metadata__":', b'{"__metadata__":{"a":1}}', b'{"__metadata__":{},"__metadata__":{}}', b"\xff", b"[]", b'{"a":{},"__metadata__":{}}']
)
def test_what_is_not_in_order_is_refused_as_ever(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "x.safetensors"
    path.write_bytes(raw(text))
    for _ in range(2):
        with pytest.raises(BadModelFile) as plain:
            header.read(path)
        with pytest.raises(BadModelFile) as known:
            header.examined(path, Tables())
        assert str(plain.value) == str(known.value)


def test_metadata_anywhere(tmp_path: Path) -> None:
    rows, size = table(LORA)
    tables, random_ = Tables(), random.Random(0)
    for number in range(20):
        parts = [*rows.items(), ("__metadata__", {"key": str(number)})]
        random_.shuffle(parts)
        path = tmp_path / f"{number}.safetensors"
        path.write_bytes(raw(json.dumps(dict(parts), separators=random_.choice([(",", ":"), None])).encode(), bytes(size)))
        found = header.examined(path, tables)
        assert found.metadata == {"key": str(number)} and dict(found.tensors) == dict(header.read(path).tensors)
