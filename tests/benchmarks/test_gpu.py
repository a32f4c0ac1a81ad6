"""The benchmark for GPUs runs from one command, keeps what it has, goes on where it stopped, and says plainly where no GPU was measured."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import gpu
from benchmarks.gpu_models import ARCHITECTURES, Bench

UNITS = ("sd15 b1", "sdxl b1", "flux b1", "memory lowvram")


def test_it_measures_resumes_and_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    words = ["gpu.py", "--tiny", "--quads", "1", "--out", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", [*words, "--no-compile", "--unit", UNITS[0], "--unit", UNITS[3], "--minutes", "60"])
    assert gpu.main() == 0
    kept = json.loads((tmp_path / "gpu.json").read_text())
    assert set(kept["units"]) == {UNITS[0], UNITS[3]} and kept["units"][UNITS[0]]["operations"] > 10**7
    assert kept["units"][UNITS[0]]["ours"]["it/s"] > 0 and kept["units"][UNITS[3]]["step"] > 0
    monkeypatch.setattr(sys, "argv", [*words, *(word for unit in UNITS for word in ("--unit", unit)), "--minutes", "60"])
    assert gpu.main() == 0
    again = json.loads((tmp_path / "gpu.json").read_text())
    assert set(again["units"]) == set(UNITS) and again["units"][UNITS[0]] == kept["units"][UNITS[0]]
    for unit in ("sdxl b1", "flux b1"):
        assert again["units"][unit]["ours compiled"]["it/s"] > 0 and again["units"][unit]["diffusers compiled"]["it/s"] > 0
    assert "ours compiled" not in again["units"]["sd15 b1"]
    told = (tmp_path / "gpu.md").read_text()
    assert "What has no mechanism yet" in told and "Not run on a GPU" in told and "FLUX.1 dev" in told and "Not measured yet: sd15 b8" in told
    assert "nothing is left" in capsys.readouterr().out


def test_without_a_gpu_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["gpu.py"])
    assert gpu.main() == 2 and "--tiny" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "billions"), [("sd15", 0.86), ("sdxl", 2.57), ("flux", 11.9)])
def test_sizes_are_the_true_ones(name: str, billions: float) -> None:
    known = ARCHITECTURES[name]
    with torch.device("meta"):
        network = known.network(**known.config)
    assert sum(tensor.numel() for tensor in network.parameters()) / 1e9 == pytest.approx(billions, rel=0.01)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_both_loops_draw_pictures_of_one_shape(name: str) -> None:
    bench = Bench(ARCHITECTURES[name], "cpu", torch.float32, True)
    ours, theirs = bench.ours(1, 2)(), bench.theirs(1, 2)()
    assert len(ours) == len(theirs) == 2 and ours.isfinite().all() and theirs.isfinite().all()


def test_diffusers_draws_under_torchs_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Easel's, which are the whole process's, hold for Easel's side alone."""
    own, cudnn = (True, False, False), torch.backends.cudnn

    def settings() -> tuple[bool, bool, bool]:
        return cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32

    bench, seen = Bench(ARCHITECTURES["sd15"], "cpu", torch.float32, True), list[tuple[bool, bool, bool]]()
    bench.network.register_forward_pre_hook(lambda module, given: seen.append(settings()))
    torchs = settings()
    for name, value in zip(("deterministic", "benchmark", "allow_tf32"), own, strict=True):
        monkeypatch.setattr(cudnn, name, value)  # as `memory.device.find` does for a card
    bench.theirs(1, 1)()
    bench.ours(1, 1)()
    assert seen == [torchs, own] and settings() == own != torchs
