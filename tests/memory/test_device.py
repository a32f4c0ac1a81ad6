"""Devices, precision and recorded facts."""

from __future__ import annotations

import pytest
import torch

from modules.core.errors import InvalidRequest
from modules.core.options import DeviceOptions
from modules.memory import device
from modules.memory.device import Machine, find, is_out_of_memory, local_rank
from modules.memory.placement import emptied
from tests.engine.shortage import ERRORS


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


@pytest.mark.parametrize("error", [made() for made in ERRORS], ids=str)
def test_short_memory_is_known_by_every_name_it_has(error: BaseException) -> None:
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "said",
    [
        "mat1 and mat2 shapes cannot be multiplied (77x64 and 768x320)",
        "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
        "CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`",
        "CUDA error: an illegal memory access was encountered",
    ],
)
def test_other_faults_are_not_taken_for_it(said: str) -> None:
    assert not is_out_of_memory(RuntimeError(said))


@pytest.mark.parametrize(("name", "kind"), [("cuda:0", "cuda"), ("xpu", "xpu"), ("mps", "mps"), ("cpu", "")])
def test_cached_blocks_go_back_to_the_driver_of_the_device_that_works(name: str, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    emptying: list[str] = []
    for one in ("cuda", "xpu", "mps"):
        monkeypatch.setattr(getattr(torch, one), "empty_cache", lambda one=one: emptying.append(one))
    emptied(Machine(name, True, True))
    assert emptying == [kind] * bool(kind)


def told_by(kind: str, monkeypatch: pytest.MonkeyPatch, free: int | Exception) -> int:
    """What is free of a device whose driver says so, where torch keeps 500 bytes and uses 200 of them; the machine's memory has 7000."""

    def asked(device: str) -> tuple[int, int]:
        if isinstance(free, Exception):
            raise free
        return free, 10**4

    library = getattr(torch, kind)
    monkeypatch.setattr(device, "free_memory", lambda: 7000)
    monkeypatch.setattr(library, "mem_get_info", asked)
    monkeypatch.setattr(library, "memory_reserved", lambda device: 500)
    monkeypatch.setattr(library, "memory_allocated", lambda device: 200)
    return Machine(kind, True, True).free()


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_what_is_free_is_asked_of_the_device_that_works(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_by(kind, monkeypatch, 1000) == 1300


def test_an_xpu_that_does_not_tell_takes_the_machines_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told_by("xpu", monkeypatch, RuntimeError("The device (Intel(R) UHD Graphics) doesn't support querying the available free memory.")) == 7000
    assert Machine("mps", True, True).free() == Machine("cpu", False, False).free() == 7000


def test_of_several_processes_each_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for said, rank in (("", 0), ("0", 0), ("3", 3), ("x", 0)):
        monkeypatch.setenv("LOCAL_RANK", said)
        assert local_rank() == rank
    asked: list[str] = []

    def empty(*_: object, device: str) -> None:
        asked.append(device)
        raise RuntimeError("there is none")

    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch, "empty", empty)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for options in (DeviceOptions(), DeviceOptions(device="cuda:0")):
        with pytest.raises(InvalidRequest, match="cannot be used"):
            find(options)
    assert asked == ["cuda:1", "cuda:0"]
