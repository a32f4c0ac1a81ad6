"""What the command line decided for the life of a process: how to serve, and on what device. Flags keep A1111's names. No option changes a request."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from modules.core.paths import Paths

Placement = Literal["auto", "resident", "encoders", "medvram", "group", "lowvram"]
"""What of a model lies on the device: all of it; without text encoders between prompts; one network at a time; one layer at a time with the next ones fetched
ahead; one layer at a time. "auto" goes by what fits."""
AttentionKind = Literal["sdpa", "split", "slices", "flash", "xformers", "sage"]


@dataclass(frozen=True, kw_only=True)
class DeviceOptions:
    """device: "auto", "cpu", "cuda", "cuda:1", "mps", "xpu". no_half: fp32 where `auto` would say fp16.
    attention: the kernel that computes it (`memory.attention`). compile: repeated blocks through torch.compile (`memory.compiled`).
    channels_last: weights of convolutions lie channel by channel, as tensor cores read them.
    texts: what "auto" precision means for text encoders: that of the rest, where it is "auto", too. medvram_sdxl: "auto" placement is "medvram" for SDXL."""

    device: str = "auto"
    placement: Placement = "auto"
    no_half: bool = False
    no_half_vae: bool = False
    attention: AttentionKind = "sdpa"
    compile: bool = False
    channels_last: bool = False
    threads: int = 0
    texts: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    medvram_sdxl: bool = False

    def placement_of(self, family: str) -> Placement:
        """What is asked for a model of this family."""
        return "medvram" if self.medvram_sdxl and self.placement == "auto" and family in ("sdxl", "sdxl-refiner") else self.placement


@dataclass(frozen=True, kw_only=True)
class ServeOptions:
    """logins: (user, password) pairs for the page. api_logins: for the API; empty with logins set means the same ones. server_name: interface to bind.
    api_server_stop: whether the API may end this process."""

    port: int | None = None
    listen: bool = False
    server_name: str = ""
    share: bool = False
    logins: tuple[tuple[str, str], ...] = ()
    api_logins: tuple[tuple[str, str], ...] = ()
    api: bool = True
    api_server_stop: bool = False
    nowebui: bool = False
    autolaunch: bool = False
    theme: str = ""
    tls_keyfile: str = ""
    tls_certfile: str = ""
    subpath: str = ""
    cors_origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Options:
    """extensions: whether any is loaded. prompt_history: whether earlier prompts are offered again. hub: address of the model hub, "" for the library's own.
    private_sources: whether models may be fetched from addresses of the own network, too."""

    paths: Paths = field(default_factory=Paths)
    device: DeviceOptions = field(default_factory=DeviceOptions)
    serve: ServeOptions = field(default_factory=ServeOptions)
    extensions: bool = True
    prompt_history: bool = True
    hub: str = ""
    private_sources: bool = False


@dataclass(frozen=True, kw_only=True)
class Looks:
    """What settings may change about a run; never its pixels. preview_interval: seconds between previews, 0 for none. preview_side: of their longer
    edge, in pixels."""

    preview_interval: float = 1.0
    preview_side: int = 384
