"""Devices, precision and recorded facts."""

from __future__ import annotations

import pytest
import torch

from modules.core.errors import InvalidRequest
from modules.core.options import DeviceOptions
from modules.memory.device import find


def test_a_cpu_computes_in_full_precision() -> None:
    machine = find(DeviceOptions(device="cpu"))
    assert machine.precision("auto") == "fp32" and machine.precision("bf16") == "bf16"
    assert machine.vae_dtype("bf16") is torch.float32
    assert machine.facts()["device"].startswith("cpu: ")


def test_a_device_that_is_not_there_is_said() -> None:
    with pytest.raises(InvalidRequest, match="nothing"):
        find(DeviceOptions(device="nothing"))


@pytest.mark.gpu
def test_a_gpu_computes_in_half_precision_unless_told_not_to() -> None:
    assert find(DeviceOptions()).precision("auto") == "fp16"
    assert find(DeviceOptions(no_half=True)).precision("auto") == "fp32"


def test_a_cpu_tells_of_no_gpu() -> None:
    assert find(DeviceOptions(device="cpu")).memory() == {}


@pytest.mark.gpu
def test_a_gpu_tells_its_memory() -> None:
    told = find(DeviceOptions()).memory()
    assert told["system"]["free"] + told["system"]["used"] == told["system"]["total"] > 0
    held = torch.ones(2**20, device="cuda")
    assert find(DeviceOptions()).memory()["allocated"]["current"] >= held.nbytes
