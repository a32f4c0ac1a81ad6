"""What `doctor` looks at: packages, torch and its devices, memory, folders. torch is asked in a child process, so that a broken one is a finding and no crash."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from packaging.requirements import InvalidRequirement, Requirement

from modules.core.paths import PROJECT

ASK_TORCH = """
import json, torch
devices = []
for index in range(torch.cuda.device_count()):
    about = torch.cuda.get_device_properties(index)
    devices.append({"name": f"cuda:{index}", "title": about.name, "memory": about.total_memory})
if torch.xpu.is_available():
    for index in range(torch.xpu.device_count()):
        about = torch.xpu.get_device_properties(index)
        devices.append({"name": f"xpu:{index}", "title": about.name, "memory": about.total_memory})
if torch.backends.mps.is_available():
    devices.append({"name": "mps", "title": "Apple GPU", "memory": 0})
for device in devices:
    torch.ones(2, device=device["name"]).sum().item()
print(json.dumps({"version": torch.__version__, "threads": torch.get_num_threads(), "devices": devices}))
"""
TORCH_SECONDS = 120
PINS = (PROJECT / "requirements.txt", PROJECT / "requirements-alone.txt")
VENDORS = {"0x10de": "NVIDIA", "0x1002": "AMD", "0x8086": "Intel"}
DISPLAY_CLASS = "0x03"


@dataclass(frozen=True)
class Device:
    """memory: bytes, 0 where it is the system's own."""

    name: str
    title: str
    memory: int


@dataclass(frozen=True)
class TorchReport:
    """error: why torch does not work, in one line; nothing else is known then."""

    version: str = ""
    threads: int = 0
    devices: tuple[Device, ...] = ()
    error: str = ""


def torch_report(program: str = ASK_TORCH) -> TorchReport:
    try:
        asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, errors="replace", timeout=TORCH_SECONDS)
    except (OSError, subprocess.SubprocessError) as error:
        return TorchReport(error=f"it did not answer ({type(error).__name__})")
    try:
        answer = json.loads(asked.stdout.splitlines()[-1])
        return TorchReport(answer["version"], answer["threads"], tuple(Device(**device) for device in answer["devices"]))
    except (IndexError, ValueError, KeyError, TypeError):
        lines = [line for line in asked.stderr.splitlines() if line.strip()]
        return TorchReport(error=lines[-1][:300] if lines else f"it ended with code {asked.returncode}")


def gpu_vendors(devices: Path = Path("/sys/bus/pci/devices")) -> list[str]:
    """Makers of the display devices on the PCI bus (Linux); elsewhere only what nvidia-smi gives away. An Intel one is mostly part of the processor."""
    found = []
    for folder in sorted(devices.glob("*")):
        try:
            kind, maker = (folder / "class").read_text().strip(), (folder / "vendor").read_text().strip()
        except OSError:
            continue
        if kind.startswith(DISPLAY_CLASS) and maker in VENDORS and VENDORS[maker] != "Intel":
            found.append(VENDORS[maker])
    if not found and shutil.which("nvidia-smi"):
        found.append("NVIDIA")
    return list(dict.fromkeys(found))


def pins(*files: Path) -> list[Requirement]:
    """What the lists of pins ask for on this machine; ours where none is named."""
    found = []
    for line in "\n".join(file.read_text(encoding="utf-8") for file in files or PINS).splitlines():
        try:
            pin = Requirement(line) if line and not line.startswith("#") else None
        except InvalidRequirement:
            continue
        if pin and (pin.marker is None or pin.marker.evaluate()):
            found.append(pin)
    return found


def wrong_packages(wanted: Sequence[Requirement] | None = None) -> list[str]:
    """ "pillow 11.0 (12.3.0 is pinned)", "scipy is missing"."""
    wrong = []
    for pin in pins() if wanted is None else wanted:
        try:
            version = importlib.metadata.version(pin.name)
        except importlib.metadata.PackageNotFoundError:
            wrong.append(f"{pin.name} is missing")
            continue
        if not pin.specifier.contains(version, prereleases=True):
            wrong.append(f"{pin.name} {version} ({str(pin.specifier).removeprefix('==')} is pinned)")
    return wrong


def versions(*names: str) -> list[str]:
    return [f"{name} {importlib.metadata.version(name)}" for name in names]


def ram_bytes() -> int:
    return psutil.virtual_memory().total


def free_bytes(folder: Path) -> int:
    """On the disk that the folder is on, or will be on."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free


def why_not_writable(folder: Path) -> str:
    """ "" when files can be made there, or could be once the folder is made; else the reason. Leaves nothing behind."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        handle, name = tempfile.mkstemp(prefix=".easel-doctor-", dir=there)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        return error.strerror or type(error).__name__
    return ""
