"""Repeated blocks of a denoising network through torch.compile, made in a thread while the network goes on drawing without them.

The first picture is drawn as ever; one that begins when the blocks are ready is drawn by them. A picture is drawn one way from beginning to end, for compiled
blocks round otherwise in their last digits. Sizes that were not seen yet are drawn as ever and made ready meanwhile. Where compiling fails, nothing changes but
`trouble`, which says why.

Blocks that something stands on (hooks, another attention code) are not compiled: they are computed as they are, and `hindrance` says why.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map

from modules.memory.layers import ByLayer
from modules.memory.placement import STANDING

log = logging.getLogger(__name__)

VARIANTS = 64
"""Shapes and widths of one kind of block that torch may keep; its own limit of 8 is that of one UNet at two sizes."""
NEEDS_CPU = "On a CPU it needs a C++ compiler (g++ or clang; on Windows Visual C++)."
NEEDS_GPU = "On an NVIDIA card it needs the package triton and a C compiler."

UNCOMPILED = "This was computed without --compile: {}"
BY_LAYER = "the model comes into memory layer by layer, and what comes and goes cannot be compiled. With more memory, or --medvram, it can."
IN_FP8 = "its weights are kept in fp8 and widened layer by layer. Weights kept in full can be compiled."
STOOD_ON = "something that the request asks for stands on the blocks that are compiled."

Call = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


class Compiled:
    """network: of diffusers, which says what its repeated blocks are, with nothing standing on it. backend: torch.compile's."""

    def __init__(self, network: nn.Module, backend: str | Callable[..., Any] = "inductor") -> None:
        names = getattr(network, "_repeated_blocks", None) or {type(block).__name__ for block in getattr(network, "transformer_blocks", ())}
        self.blocks = [module for module in network.modules() if type(module).__name__ in names]
        self.trouble = self.hindrance = ""
        self.on = False
        self._code = [_code(block) for block in self.blocks]
        self._backend = backend
        self._functions: dict[nn.Module, Callable[..., Any]] = {}
        self._ready: set[Hashable] = set()
        self._missing: set[Hashable] = set()
        self._undecided = False
        self._thread: threading.Thread | None = None

    @contextmanager
    def standing(self, network: nn.Module) -> Iterator[None]:
        """While it stands, calls of the network are seen, and compiled blocks may take part."""
        handle = network.register_forward_pre_hook(self._called, with_kwargs=True)
        try:
            yield
        finally:
            handle.remove()
            self._switch(False)

    def begin(self) -> None:
        """A picture's pass begins: its first call decides how all of it is computed."""
        self._undecided = True

    def within(self) -> AbstractContextManager[Any]:
        """Around calls of the network: what the compiled blocks do not know is computed as it is, and never compiled while somebody waits."""
        return torch.compiler.set_stance("eager_on_recompile") if self.on else nullcontext()

    def wait(self) -> None:
        """Until nothing is being made."""
        if self._thread is not None:
            self._thread.join()

    @property
    def busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _called(self, network: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        key = _shapes((given, named))
        if self._undecided:
            self._undecided = False
            self.hindrance = "" if self._is_plain() else UNCOMPILED.format(_reason(network))
            wanting, self._missing = self._missing - self._ready, set()
            self._switch(key in self._ready and not wanting and not self.busy and not self.trouble and self._is_plain())
        if key in self._ready:
            return
        self._missing.add(key)
        if not (self.on or self.busy or self.trouble) and self.blocks and self._is_plain():
            self._record(network, key)

    def _switch(self, on: bool) -> None:
        self.on = on
        for block in self.blocks:
            block._compiled_call_impl = self._functions[block] if on else None

    def _is_plain(self) -> bool:
        return all(_code(block) == code and not _hooked(block) for block, code in zip(self.blocks, self._code, strict=True))

    def _record(self, network: nn.Module, key: Hashable) -> None:
        """Notes what each block is called with in this call, and has it made right after."""
        calls: list[Call] = []

        def note(block: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
            calls.append((block, *_likened((given, named))))

        handles = [block.register_forward_pre_hook(note, with_kwargs=True) for block in self.blocks]

        def done(*_: Any) -> None:
            for handle in handles:
                handle.remove()
            self._thread = threading.Thread(target=self._make, args=(key, calls), name="compiling")
            self._thread.start()

        handles.append(network.register_forward_hook(done, always_call=True))

    @torch.inference_mode()
    def _make(self, key: Hashable, calls: list[Call]) -> None:
        try:
            torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, VARIANTS)
            for block, given, named in calls:
                if not threading.main_thread().is_alive():  # the program ends: torn down in the middle of a compiler, it would end with a crash
                    return
                if block not in self._functions:
                    self._functions[block] = torch.compile(block._call_impl, backend=self._backend, dynamic=False)
                given, named = tree_map(lambda one: one.made() if isinstance(one, _Like) else one, (given, named))
                self._functions[block](*given, **named)
        except Exception as error:  # whatever a compiler, a driver or a missing program throws: pictures go on without it
            cause = getattr(error, "inner_exception", error)  # torch says first that a backend failed, and then why
            lines = [line for line in str(cause).splitlines() if line.strip()] or [""]
            log.warning("torch.compile failed", exc_info=True)
            on_cpu = next(self.blocks[0].parameters()).device.type == "cpu"
            self.trouble = (
                f"torch.compile failed ({type(cause).__name__}: {lines[0][:200]}), so pictures are computed without it. {NEEDS_CPU if on_cpu else NEEDS_GPU} "
                "Start without --compile to leave it be."
            )
            return
        self._ready.add(key)


class Compilations:
    """What is compiled of the networks in memory, each as long as its network lives."""

    def __init__(self, backend: str | Callable[..., Any] = "inductor") -> None:
        self._backend = backend
        self._held: WeakKeyDictionary[nn.Module, Compiled] = WeakKeyDictionary()

    def of(self, network: nn.Module) -> Compiled:
        if network not in self._held:
            self._held[network] = Compiled(network, self._backend)
        return self._held[network]


class _Like:
    """A tensor without its numbers."""

    def __init__(self, tensor: Tensor) -> None:
        self.shape, self.strides, self.dtype, self.device = tensor.shape, tensor.stride(), tensor.dtype, tensor.device
        self.inference = tensor.is_inference()

    def made(self) -> Tensor:
        """Strides, and whether it was made in inference mode, are part of what is compiled for."""
        with torch.inference_mode(self.inference):
            return torch.empty_strided(self.shape, self.strides, dtype=self.dtype, device=self.device).zero_()


def _likened(tree: Any) -> Any:
    return tree_map(lambda one: _Like(one) if isinstance(one, Tensor) else one, tree)


def _shapes(tree: Any) -> Hashable:
    leaves, form = tree_flatten(tree)
    return str(form), tuple((tuple(one.shape), one.dtype) if isinstance(one, Tensor) else type(one) for one in leaves)


def _hooked(block: nn.Module) -> bool:
    """Whether anything stands on a block that its compiled form would not have."""
    return any(module._forward_pre_hooks or module._forward_hooks or "forward" in module.__dict__ for module in block.modules())


def _reason(network: nn.Module) -> str:
    """Of what stands on the blocks."""
    if isinstance(network.__dict__.get(STANDING), ByLayer):
        return BY_LAYER
    return IN_FP8 if any(tensor.dtype is torch.float8_e4m3fn for tensor in network.parameters()) else STOOD_ON


def _code(block: nn.Module) -> list[int]:
    """Which attention code it has."""
    return [id(module.processor) for module in block.modules() if hasattr(module, "processor")]
