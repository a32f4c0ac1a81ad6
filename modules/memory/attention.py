"""Which kernel computes attention: the one place that decides it, for every network that diffusers builds.

sdpa: torch's own, which chooses the fastest way by itself. split: a part of the queries at a time (Rabe & Staats 2021, over queries), slices: one head at a time; both
keep memory small where torch has no kernel that does. flash, xformers, sage: packages of their own, for NVIDIA cards. Another kernel adds up in another order, so the kind is
a recorded fact. What an outside kernel cannot do (masks, fp32, wide heads), torch's own does in its place.

A kernel is put under the attention code that stands in a network, whatever that code is: the very code, in which two names mean something else. So
LoRAs (which change weights) and IP-Adapters (which wrap that code) meet nothing new.
"""

from __future__ import annotations

import copy
import importlib
import importlib.util
import types
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from modules.core.errors import InvalidRequest
from modules.core.options import AttentionKind

Kernel = Callable[..., Tensor]
"""(query [B, H, Q, D], key, value [B, H, K, D], attn_mask, scale) -> [B, H, Q, D]."""

SCORES = 2**28
"""Bytes of scores that `split` holds at a time. The same on every machine, for it decides the order of adding up."""
HALVES = (torch.float16, torch.bfloat16)


class Package(NamedTuple):
    """module: to import. install: what pip calls it. widest: of a head; its kernel has none beyond."""

    module: str
    install: str
    widest: int


PACKAGES: Mapping[str, Package] = {
    "flash": Package("flash_attn", "flash-attn", 256),
    "xformers": Package("xformers.ops", "xformers", 512),
    "sage": Package("sageattention", "sageattention", 128),
}


def check(kind: AttentionKind, device: str) -> None:
    """Raises InvalidRequest where a kind cannot be had here, with what to do. device: as torch writes it."""
    package = PACKAGES.get(kind)
    if package is None:
        return
    without = f"Start without --attention {kind} (--{kind})." if kind == "xformers" else f"Start without --attention {kind}."
    if not device.startswith("cuda"):
        raise InvalidRequest(f"--attention {kind} computes on NVIDIA cards only, and this is {device!r}.", without)
    if importlib.util.find_spec(package.module.split(".")[0]) is None:
        raise InvalidRequest(
            f"--attention {kind} needs the package {package.install}, which is not installed.", f"Install it beside torch {torch.__version__}. {without}"
        )
    try:
        importlib.import_module(package.module)
    except (ImportError, OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InvalidRequest(
            f"The package {package.install} does not work here: {reason}.", f"Install the build for torch {torch.__version__}. {without}"
        ) from None


def put_under(network: nn.Module, kind: AttentionKind) -> int:
    """Has every attention of a network compute by this kind, from now on. -> how many there were. Call it once, after loading."""
    if kind == "sdpa":  # as diffusers made it
        return 0
    kernel, found = kernel_of(kind), 0
    for module in network.modules():
        processor = getattr(module, "processor", None)
        if processor is not None and not isinstance(processor, nn.Module) and _computes(type(processor)):
            module.processor = resting_on(processor, kernel)
            found += 1
    return found


def kernel_of(kind: AttentionKind) -> Kernel:
    """kind: one that `check` let pass."""
    kernels: Mapping[str, Kernel] = {"split": split, "slices": slices, "flash": _flash, "xformers": _xformers, "sage": _sage}
    return kernels.get(kind, functional.scaled_dot_product_attention)


def resting_on(processor: Any, kernel: Kernel) -> Any:
    """A copy of diffusers' attention code whose kernel is another one: every name in it means what it meant, but for torch's function and diffusers' switch."""
    kind = type(processor)
    call = kind.__call__
    names = {**call.__globals__, "F": types.SimpleNamespace(scaled_dot_product_attention=_called(kernel)), "dispatch_attention_fn": _dispatched(kernel)}
    own = types.FunctionType(call.__code__, names, call.__name__, call.__defaults__, call.__closure__)
    own.__kwdefaults__, own.__annotations__ = call.__kwdefaults__, call.__annotations__
    made = copy.copy(processor)
    made.__class__ = type(kind.__name__, (kind,), {"__call__": own, "__module__": kind.__module__})
    return made


def split(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """So many queries at a time that their scores take `SCORES` bytes."""
    batch, heads, queries, _ = query.shape
    step = max(SCORES // (batch * heads * key.shape[2] * query.element_size()), 1)
    if step >= queries:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale)
    found = query.new_empty(*query.shape[:-1], value.shape[-1])
    for start in range(0, queries, step):
        part = slice(start, start + step)
        mask = attn_mask[..., part, :] if attn_mask is not None and attn_mask.shape[-2] > 1 else attn_mask
        found[:, :, part] = functional.scaled_dot_product_attention(query[:, :, part], key, value, attn_mask=mask, scale=scale)
    return found


def slices(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """One head of one row at a time, and of that as `split`."""
    found = query.new_empty(*query.shape[:-1], value.shape[-1])
    mask = attn_mask.expand(*query.shape[:2], -1, -1) if attn_mask is not None else None
    for row in range(query.shape[0]):
        for head in range(query.shape[1]):
            one = (slice(row, row + 1), slice(head, head + 1))
            found[one] = split(query[one], key[one], value[one], None if mask is None else mask[one], scale)
    return found


def _flash(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    if attn_mask is not None or not _suits("flash", query, value):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale)
    compute: Any = importlib.import_module("flash_attn").flash_attn_func
    found: Tensor = compute(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), softmax_scale=scale)
    return found.transpose(1, 2)


def _xformers(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Masks must be aligned in memory for its kernels; torch's own takes those calls."""
    if attn_mask is not None or query.shape[-1] > PACKAGES["xformers"].widest:
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale)
    compute: Any = importlib.import_module("xformers.ops").memory_efficient_attention
    found: Tensor = compute(query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2), scale=scale)
    return found.transpose(1, 2)


def _sage(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None) -> Tensor:
    """Zhang et al. 2024: queries and keys as int8. Short texts gain nothing by it, but are as exact as pictures are."""
    if attn_mask is not None or not _suits("sage", query, value):
        return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale)
    compute: Any = importlib.import_module("sageattention").sageattn
    found: Tensor = compute(query, key, value, tensor_layout="HND", is_causal=False, sm_scale=scale)
    return found


def _suits(kind: str, query: Tensor, value: Tensor) -> bool:
    return query.dtype in HALVES and max(query.shape[-1], value.shape[-1]) <= PACKAGES[kind].widest


def _computes(kind: type) -> bool:
    """Whether this attention code calls a kernel by one of the two names."""
    code = getattr(kind.__call__, "__code__", None)
    return code is not None and bool({"scaled_dot_product_attention", "dispatch_attention_fn"} & set(code.co_names))


def _called(kernel: Kernel) -> Kernel:
    """As torch's function is called. What is more than attention, torch's own computes."""

    def call(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, scale: float | None = None, **further: Any) -> Tensor:
        if any(further.values()):
            return functional.scaled_dot_product_attention(query, key, value, attn_mask=attn_mask, scale=scale, **further)
        return kernel(query, key, value, attn_mask, scale)

    return call


def _dispatched(kernel: Kernel) -> Kernel:
    """diffusers' switch has tokens before heads: [B, T, H, D]."""

    call = _called(kernel)

    def dispatch(
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
        **elsewhere: Any,
    ) -> Tensor:
        rows = (query.transpose(1, 2), key.transpose(1, 2), value.transpose(1, 2))
        return call(*rows, attn_mask=attn_mask, scale=scale, dropout_p=dropout_p, is_causal=is_causal, enable_gqa=enable_gqa).transpose(1, 2)

    return dispatch
