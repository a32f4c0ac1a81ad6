"""Which device computes, in which precision, and the facts of it that decide a picture's last bits. Knows torch, no model."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

import torch

from modules.core.errors import InvalidRequest
from modules.core.options import AttentionKind, DeviceOptions
from modules.core.request import Precision
from modules.memory import attention
from modules.memory.budget import free_memory

SHORT = (
    "out of memory",
    "can't allocate memory",  # torch on a CPU
    "not enough memory",  # the same, on Windows
    "cannot allocate memory",  # Linux, of what is mapped
    "status_alloc_failed",  # cuBLAS, cuDNN, cuSOLVER, hipBLAS
    "allocation_failed",  # cuDNN, since its version 9
    "out_of_device_memory",  # Level Zero, beneath an XPU
    "out_of_host_memory",
)
"""What errors say, in small letters, where there is too little memory."""
DTYPES: dict[str, torch.dtype] = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class Machine:
    """device: as torch writes it ("cpu", "cuda:0"). half: whether "auto" precision means fp16 here. half_vae: whether the
    autoencoder may follow. texts: what "auto" means for text encoders. attention: the kernel, which decides the last bits, as the order of channels in memory does.
    bf16: whether it computes in bf16 by itself."""

    device: str
    half: bool
    half_vae: bool
    attention: AttentionKind = "sdpa"
    channels_last: bool = False
    texts: Precision = "auto"
    bf16: bool = False

    def precision(self, wanted: Precision) -> Precision:
        """`auto` made concrete."""
        if wanted != "auto":
            return wanted
        return "fp16" if self.half else "fp32"

    def text_precision(self, wanted: Precision, rest: Precision) -> Precision:
        """`auto` made concrete. rest: the precision of what draws."""
        return next((one for one in (wanted, self.texts) if one != "auto"), rest)

    def vae_dtype(self, precision: Precision) -> torch.dtype:
        """The autoencoder's; fp16 autoencoders overflow on some checkpoints, so it can be kept in fp32."""
        return DTYPES[precision] if self.half_vae else torch.float32

    def memory(self) -> dict[str, dict[str, int]]:
        """Bytes on the GPU, of the device and of this process, by A1111's names; {} for a device that does not tell. Any thread may ask."""
        if not self.device.startswith("cuda"):
            return {}
        free, total = torch.cuda.mem_get_info(self.device)
        told = torch.cuda.memory_stats(self.device)
        kinds = {"active": "active", "allocated": "allocated", "reserved": "reserved", "inactive": "inactive_split"}
        held = {name: {when: int(told.get(f"{key}_bytes.all.{when}", 0)) for when in ("current", "peak")} for name, key in kinds.items()}
        events = {"retries": int(told.get("num_alloc_retries", 0)), "oom": int(told.get("num_ooms", 0))}
        return {"system": {"free": free, "used": total - free, "total": total}, **held, "events": events}

    def free(self) -> int:
        """Bytes that can still be had where the work is done. Blocks that torch keeps for itself count: they are reused."""
        kind = self.device.split(":")[0]
        if kind not in ("cuda", "xpu"):
            return free_memory()
        torch_of: Any = getattr(torch, kind)
        try:
            free = int(torch_of.mem_get_info(self.device)[0])
        except RuntimeError:  # drivers of integrated ones do not tell; those take the machine's memory
            return free_memory()
        return free + int(torch_of.memory_reserved(self.device)) - int(torch_of.memory_allocated(self.device))

    def facts(self) -> dict[str, str]:
        """What decides the last bits of a picture beside the request."""
        kind = self.device.split(":")[0]
        name = getattr(torch, kind).get_device_name(self.device) if kind in ("cuda", "xpu") else _processor()
        return {
            "device": f"{kind}: {name}",
            "torch": torch.__version__,
            "threads": str(torch.get_num_threads()),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "attention": self.attention,
            **({"channels": "last"} if self.channels_last else {}),
            "vae": str(self.vae_dtype(self.precision("auto"))).removeprefix("torch."),
            "system": f"{platform.system()} {platform.machine()}",
        }


def find(options: DeviceOptions) -> Machine:
    """The machine the options ask for. Raises InvalidRequest when it is not there."""
    name = options.device
    if name == "auto":
        name = (
            f"cuda:{local_rank()}"
            if torch.cuda.is_available()
            else "xpu"
            if torch.xpu.is_available()
            else "mps"
            if torch.backends.mps.is_available()
            else "cpu"
        )
    try:
        torch.empty(1, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InvalidRequest(f"The device {name!r} cannot be used: {reason}.", "Start with --use-cpu all, or see `python launch.py doctor`.") from None
    attention.check(options.attention, name)
    if options.threads:
        torch.set_num_threads(options.threads)
    half = not options.no_half and name.split(":")[0] in ("cuda", "xpu", "mps")
    if name.startswith("cuda"):  # the same request, the same picture: fp32 is fp32, and the kernels do not depend on what ran before
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    return Machine(name, half, half and not options.no_half_vae, options.attention, options.channels_last, options.texts, _bf16(name))


def local_rank() -> int:
    """Of several processes that train together on this machine, which one this is; each has a GPU of its own. 0 alone."""
    said = os.environ.get("LOCAL_RANK", "")
    return int(said) if said.isdecimal() else 0


def _bf16(name: str) -> bool:
    kind = name.split(":")[0]
    if kind == "cuda":
        with torch.cuda.device(name):
            return torch.cuda.is_bf16_supported(including_emulation=False)
    return kind in ("cpu", "xpu")


def is_out_of_memory(error: BaseException) -> bool:
    """torch has a type of its own for what its own allocators lack; of others, and of the libraries beneath it, the words tell."""
    words = str(error).lower()
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(said in words for said in SHORT)


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
