"""`models` says what each file is, for people and for programs, and loads nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modules.catalog import old_hashes
from modules.cli import main
from modules.core.paths import PROJECT
from tests.catalog.files import SD1, write

LORA = {"lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight": (4, 768)}


def said(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    code = main(["models", *map(str, words)], lambda app, options: 99)
    return code, *capsys.readouterr()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    write(tmp_path / "Stable-diffusion" / "model.safetensors", SD1, {"modelspec.prediction_type": "v"})
    write(tmp_path / "Lora" / "ink.safetensors", LORA)
    (tmp_path / "VAE").mkdir()
    (tmp_path / "VAE" / "broken.safetensors").write_bytes(b"cut")
    return tmp_path


def rows(text: str) -> dict[str, dict[str, Any]]:
    return {Path(row["path"]).stem: row for row in json.loads(text)}


def test_files_and_folders_that_are_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--json", place)
    found = rows(out)
    assert code == 0 and set(found) == {"model", "ink", "broken"}
    assert (found["ink"]["kind"], found["ink"]["family"], found["ink"]["tensors"], found["ink"]["precision"]) == ("lora", "sd1", 1, "fp16")
    assert found["broken"]["kind"] == "unknown" and "3 bytes" in found["broken"]["trouble"]
    _, out, _ = said(capsys, "--json", place / "Stable-diffusion" / "model.safetensors")
    (row,) = json.loads(out)
    assert (row["kind"], row["family"], row["prediction"], row["prediction_guessed"], row["trouble"]) == ("checkpoint", "sd1", "v", False, "")


def test_the_folders_where_easel_looks(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = said(capsys, "--models-dir", place, "--data-dir", place / "data")
    assert code == 0 and "ink.safetensors" in out and "Stable Diffusion 1.x LoRA" in out and "-> broken.safetensors has only 3 bytes" in out


def test_only_one_kind(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert set(rows(said(capsys, "--json", "--kind", "lora", place)[1])) == {"ink"}
    code, out, err = said(capsys, "--kind", "lorra", place)
    assert code == 2 and not out and "lora" in err


def test_hashes(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "Lora" / "ink.safetensors"
    data = place / "data"
    assert "sha256" not in json.loads(said(capsys, "--json", "--data-dir", data, path)[1])[0]["hashes"]
    found = json.loads(said(capsys, "--json", "--hash", "--data-dir", data, path)[1])[0]["hashes"]
    assert found["sha256"].startswith(found["autov2"]) and found["autov3"] == old_hashes.autov3(path)[:12] and len(found["blake3"]) == 64
    assert json.loads(said(capsys, "--json", "--data-dir", data, path)[1])[0]["hashes"]["sha256"] == found["sha256"]


def test_what_is_not_there(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, place / "none.safetensors", place / "Lora")
    assert code == 1 and "none.safetensors" in err and "ink" in out


def test_nothing_heavy_is_imported(place: Path) -> None:
    program = (
        "import sys; from modules.cli import main; main(['models', sys.argv[1]], lambda a, o: 0); sys.exit(any(n in sys.modules for n in ('torch', 'gradio')))"
    )
    assert subprocess.run([sys.executable, "-c", program, str(place / "Lora")], cwd=PROJECT, capture_output=True).returncode == 0
