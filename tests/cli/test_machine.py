"""What `doctor` finds, on machines that are made up."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from modules.cli import machine
from modules.cli.doctor import GB, Finding, examine, memory, models, torch_and_devices
from modules.cli.machine import Device, TorchReport
from modules.core.options import Options
from modules.core.paths import Paths


def marks(findings: list[Finding]) -> list[str]:
    return [finding.mark for finding in findings]


def test_a_broken_torch_is_a_finding_and_no_crash() -> None:
    report = machine.torch_report("raise ImportError('libcudart.so.13: cannot open shared object file')")
    assert "libcudart" in report.error
    (finding,) = torch_and_devices(report, ["NVIDIA"])
    assert finding.mark == "BAD"
    assert "TORCH_INDEX_URL" in finding.remedy


@pytest.mark.parametrize("program", ["import os; os._exit(3)", "print('hello')", "print('{}')", ""])
def test_whatever_the_child_says_is_a_report(program: str) -> None:
    assert machine.torch_report(program).error


def test_devices_by_their_memory() -> None:
    devices = (Device("cuda:0", "Tiny", 2 * GB), Device("cuda:1", "Small", 6 * GB), Device("cuda:2", "Large", 24 * GB), Device("mps", "Apple GPU", 0))
    found = list(torch_and_devices(TorchReport("2.13.0", 4, devices), ["NVIDIA"]))
    assert marks(found) == ["ok", "note", "note", "ok", "ok"]
    assert "--lowvram" in found[1].remedy
    assert "--medvram" in found[2].remedy


def test_a_gpu_that_torch_cannot_use_gets_a_remedy() -> None:
    found = list(torch_and_devices(TorchReport("2.13.0+cpu", 4), ["AMD"]))
    assert found[-1].mark == "note"
    assert "AMD" in found[-1].what
    assert "TORCH_INDEX_URL" in found[-1].remedy


def test_vendors_are_read_off_the_bus(tmp_path: Path) -> None:
    for name, kind, vendor in (("0", "0x030000", "0x10de"), ("1", "0x030200", "0x1002"), ("2", "0x020000", "0x8086"), ("3", "0x030000", "0x8086")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "class").write_text(f"{kind}\n")
        (tmp_path / name / "vendor").write_text(f"{vendor}\n")
    (tmp_path / "4").mkdir()
    assert machine.gpu_vendors(tmp_path) == ["NVIDIA", "AMD"]


@pytest.mark.parametrize(("size", "mark"), [(4 * GB, "note"), (16 * GB, "ok"), (64 * GB, "ok")])
def test_memory(size: int, mark: str) -> None:
    assert memory(size).mark == mark


def test_wrong_packages_are_named() -> None:
    wanted = [Requirement("pytest==0.1"), Requirement("no-such-package==1.0"), Requirement(f"pydantic=={version('pydantic')}")]
    found = machine.wrong_packages(wanted)
    assert len(found) == 2
    assert found[0].endswith("(0.1 is pinned)")
    assert found[1] == "no-such-package is missing"


def test_pins_follow_their_markers(tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# words\na==1\nb==2 ; python_version < '3'\nc==3 ; python_version >= '3'\n")
    assert [pin.name for pin in machine.pins(file)] == ["a", "c"]
    assert len(machine.pins()) > 50 and "spandrel" in {pin.name for pin in machine.pins()}


def test_folders_are_tried_and_left_as_they_were(tmp_path: Path) -> None:
    assert machine.why_not_writable(tmp_path / "not" / "yet") == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert machine.why_not_writable(tmp_path / "file") != ""


def test_models_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "models" / "Stable-diffusion"
    folder.mkdir(parents=True)
    (folder / "broken.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    found = list(models(Options(paths=Paths(data=tmp_path, models=tmp_path / "models"))))
    assert any(finding.mark == "note" and "broken.safetensors" in finding.what for finding in found)
    assert "easel-starter" in found[0].what


def test_everything_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "torch_report", lambda: TorchReport("2.13.0", 2))
    text = "\n".join(finding.what for finding in examine(Options(paths=Paths(data=tmp_path))))
    for word in ("Python", "packages", "torch", "RAM", "outputs", "free disk", "checkpoint"):
        assert word in text


def test_looking_leaves_every_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "torch_report", lambda: TorchReport("2.13.0", 2))
    paths = Paths(data=tmp_path)
    paths.settings.parent.mkdir(parents=True, exist_ok=True)
    paths.settings.write_text("theme: purple\n")
    before = sorted(tmp_path.rglob("*"))
    text = "\n".join(finding.what for finding in examine(Options(paths=paths)))
    assert "purple" in text
    assert sorted(tmp_path.rglob("*")) == before
    assert paths.settings.read_text() == "theme: purple\n"
