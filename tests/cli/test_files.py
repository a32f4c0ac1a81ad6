"""inspect, convert and merge on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from modules.catalog import header
from modules.cli import main
from tests.catalog import files


def run(data: Path, *words: object) -> int:
    return main([*map(str, words), "--data-dir", str(data)], lambda app, options: 99)


def checkpoint(path: Path, value: float) -> Path:
    save_file({name: torch.full(shape, value) for name, shape in files.SD1.items()}, path, {"title": path.stem})
    return path


def test_merge_convert_and_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = (checkpoint(tmp_path / f"{name}.safetensors", value) for name, value in (("a", 1.0), ("b", 2.0), ("c", 1.5)))
    assert run(tmp_path, "merge", a, b, "-m", 0.25) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made.name == "0.75(a) + 0.25(b).safetensors" and all(torch.equal(one, torch.full_like(one, 1.25)) for one in load_file(made).values())
    assert json.loads(header.read(made).metadata["sd_merge_recipe"])["interp_method"] == "Weighted sum"
    assert run(tmp_path, "merge", a, b, c, "--out", tmp_path / "d") == 0
    assert torch.allclose(next(iter(load_file(tmp_path / "d.safetensors").values())), torch.tensor(1.15))
    capsys.readouterr()

    assert run(tmp_path, "convert", made, "--as", "bf16") == 0
    small = Path(capsys.readouterr().out.strip())
    assert {one.dtype for one in load_file(small).values()} == {torch.bfloat16}

    assert run(tmp_path, "inspect", small) == 0
    told = capsys.readouterr().out
    assert next(iter(files.SD1)) in told and "32x4x3x3" in told and f"{len(files.SD1)} tensors" in told
    assert run(tmp_path, "inspect", a, "--json") == 0
    assert json.loads(capsys.readouterr().out)["metadata"] == {"title": "a"}


def test_bad_words_are_refused_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a = checkpoint(tmp_path / "a.safetensors", 1.0)
    cut = tmp_path / "cut.safetensors"
    cut.write_bytes(a.read_bytes()[:-5])
    before = sorted(tmp_path.iterdir())
    for words in (
        ("inspect", "nowhere"),
        ("inspect", tmp_path),
        ("inspect", cut),
        ("convert", a, "--out", a),
        ("merge", a, cut),
        ("merge", a, a, a, a),
        ("merge", a, a, "-m", 7),
    ):
        assert run(tmp_path, *words) == 2, words
        assert capsys.readouterr().err.count("\n") == 1
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "cache"] == before
