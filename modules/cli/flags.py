"""The flags that decide how a process runs: device, folders, serving. Names are AUTOMATIC1111's where it has one. -> `core.options.Options`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from modules.cli.parser import BadWords, Parser
from modules.core.options import DeviceOptions, Options, Placement, ServeOptions
from modules.core.paths import FURTHER, PROJECT, Paths
from modules.core.request import Precision

HIGHEST_PORT = 65535
CPU_WORDS = ("all", "sd", "interrogate", "gfpgan", "bsrgan", "esrgan", "scunet", "codeformer")
THEMES = ("system", "light", "dark")


FURTHER_FLAGS = {
    "lora": ("--lora-dir", "--lyco-dir", "--lora-dirs"),
    "vae": ("--vae-dir", "--vae-dirs"),
    "controlnet": ("--controlnet-dir", "--controlnet-dirs"),
    "clip-vision": ("--clip-vision-dir", "--controlnet-preprocessor-models-dir"),
    "text-encoder": ("--text-encoder-dir", "--text-encoder-dirs"),
    "hypernetwork": ("--hypernetwork-dir",),
}
"""Kinds of `core.paths.FURTHER` -> the flags for further folders of theirs, A1111's and Forge's names among them."""


ATTENTION = {
    "sdpa": "PyTorch's own kernels, which choose the fastest way",
    "split": "some queries at a time, for less memory",
    "slices": "one head at a time, for still less, slower",
    "flash": "flash-attn",
    "xformers": "xformers",
    "sage": "SageAttention (int8: faster, and a little different)",
}
"""Kinds of attention; the last three are packages that must be installed, and NVIDIA cards compute them."""
ATTENTION_FLAGS = {
    "sdpa": ("--opt-sdp-attention", "--opt-sdp-no-mem-attention", "--disable-opt-split-attention"),
    "split": ("--opt-split-attention", "--opt-split-attention-v1", "--opt-split-attention-invokeai", "--opt-sub-quad-attention"),
    "slices": ("--attention-slicing",),
    "xformers": ("--xformers", "--force-enable-xformers"),
}
"""The same under A1111's names."""


def _folders_of(kind: str) -> str:
    """Where the parser keeps them: under no name that a parameter of a request has, as "vae" is one."""
    return f"folders of {kind}"


def serve_parser() -> Parser:
    parser = Parser("[serve]", "Easel: pictures from text, in a page. Other commands: generate, rerun, test, doctor; each has its own --help.")
    add_serving(parser, shown=True)
    add_running(parser)
    parser.add_argument_group("computing").add_argument(
        "--precision", choices=("full", "half", "autocast"), help="full: compute in fp32. The others: what suits the device, as without the flag"
    )
    return parser


def add_serving(parser: Parser, shown: bool) -> None:
    """shown: False for commands that take these flags only because COMMANDLINE_ARGS may hold them."""
    group = parser.add_argument_group("page and API") if shown else parser

    def flag(name: str, help: str, **how: object) -> None:
        group.add_argument(name, help=help if shown else argparse.SUPPRESS, **how)  # type: ignore[arg-type]

    flag("--port", "port of the page (7860, or the next free one) or, with --nowebui, of the API (7861)", metavar="N")
    flag("--listen", "serve to other machines too (with a login: yours, or one that is made up and printed)", action="store_true")
    flag("--server-name", "address to serve at in place of 127.0.0.1", metavar="ADDRESS", default="")
    flag("--allowed-hosts", "further host names under which this server may be asked, separated by commas (for a proxy)", metavar="NAMES", default="")
    flag("--share", "make a public link with Gradio's tunnel, behind a login", action="store_true")
    flag("--gradio-auth", "logins for the page: user:password, several separated by commas", metavar="LOGINS", default="")
    flag("--gradio-auth-path", "file with such logins, one a line or separated by commas", metavar="FILE", default="")
    flag("--api-auth", "logins for the API; without it those of the page", metavar="LOGINS", default="")
    flag("--api", "serve the API (it is served unless --no-api says otherwise)", action=argparse.BooleanOptionalAction, default=True)
    flag("--api-server-stop", "let clients of the API end this server (/sdapi/v1/server-stop)", action="store_true")
    flag("--nowebui", "the API alone, without the page", action="store_true")
    flag("--autolaunch", "open the page in a browser", action="store_true")
    flag("--theme", "system, light or dark", choices=THEMES, default="")
    flag("--tls-keyfile", "private key for https", metavar="FILE", default="")
    flag("--tls-certfile", "certificate for https", metavar="FILE", default="")
    flag("--subpath", "path under which a proxy shows the page, for example /easel", metavar="PATH", default="")
    flag("--no-prompt-history", "offer no earlier prompts: neither in the list beside the prompt nor by ↙️ on an empty one", action="store_true")
    flag("--hub-endpoint", "address of the model hub that the Models tab asks (HF_ENDPOINT, or the library's own)", metavar="ADDRESS", default="")
    flag("--private-sources", "let the Models tab fetch from addresses of the own network, too", action="store_true")
    flag("--cors-allow-origins", "origins of other pages that may call this server, separated by commas", metavar="ORIGINS", default="")


def add_running(parser: Parser) -> None:
    group = parser.add_argument_group("device and memory")
    group.add_argument("--device", metavar="NAME", default="", help="auto, cpu, cuda, cuda:1, xpu or mps")
    group.add_argument("--device-id", metavar="N", default="", help="which CUDA device")
    group.add_argument("--use-cpu", metavar="WHAT", default="", help="all: compute on the CPU")
    group.add_argument("--medvram", action="store_true", help="one network of the model in the GPU's memory at a time (on a CPU: in the machine's)")
    group.add_argument("--medvram-sdxl", action="store_true", help="--medvram for SDXL models alone")
    group.add_argument("--lowvram", action="store_true", help="one layer at a time: the least memory, and the slowest")
    group.add_argument(
        "--placement",
        choices=get_args(Placement),
        default="auto",
        help="the same by name. auto: the fastest that fits; encoders: only text encoders leave; group: layers, with the next ones fetched ahead",
    )
    group.add_argument("--no-half", action="store_true", help="compute in fp32 on a GPU, too")
    group.add_argument("--no-half-vae", action="store_true", help="decode in fp32 (against black pictures)")
    group.add_argument(
        "--text-encoder-precision", choices=get_args(Precision), default="auto", help="of text encoders where a picture does not say it (auto: as the rest)"
    )
    kinds = "; ".join(f"{kind}: {what}" for kind, what in ATTENTION.items())
    group.add_argument("--attention", choices=ATTENTION, default="sdpa", help=f"how attention is computed. {kinds}")
    for kind, flags in ATTENTION_FLAGS.items():
        group.add_argument(*flags, dest="attention", action="store_const", const=kind, help=f"--attention {kind}")
    compiling = "compile the network's blocks in the background, then draw faster (the whole network must fit on the device)"
    group.add_argument("--compile", action="store_true", help=compiling)
    group.add_argument("--opt-channelslast", action="store_true", help="keep convolutions channel by channel, as tensor cores read them")
    group.add_argument("--threads", metavar="N", default="0", help="CPU threads to compute with; 0 for PyTorch's choice")
    group = parser.add_argument_group("folders")
    group.add_argument("--data-dir", metavar="DIR", default="", help="where outputs, settings and history lie (here)")
    group.add_argument("--outputs-dir", metavar="DIR", default="", help="where pictures and the history of jobs lie (outputs in the data folder)")
    group.add_argument("--models-dir", metavar="DIR", default="", help="where models lie, in AUTOMATIC1111's folders (models in the data folder)")
    group.add_argument("--disable-all-extensions", action="store_true", help="load no extension, whatever the Extensions tab says")
    group.add_argument("--ckpt-dir", metavar="DIR", action="append", default=[], help="a further folder with checkpoints; may be given several times")
    group.add_argument("--embeddings-dir", metavar="DIR", action="append", default=[], help="a further folder with embeddings; may be given several times")
    group.add_argument("--styles-file", metavar="FILE", action="append", default=[], help="a table of styles (styles.csv in the data folder); likewise")
    for kind, spelt in FURTHER_FLAGS.items():
        help = f"a further folder with {FURTHER[kind][0]} files; likewise"
        group.add_argument(*spelt, dest=_folders_of(kind), metavar="DIR", action="append", default=[], help=help)
    names = [f"--{kind}-models-path" for kind in ("esrgan", "realesrgan", "bsrgan", "swinir", "dat", "scunet")]
    group.add_argument(
        "--upscalers-dir", *names, dest="upscalers", metavar="DIR", action="append", default=[], help="a further folder with upscalers; likewise"
    )
    names = ["--gfpgan-models-path", "--gfpgan-dir", "--codeformer-models-path"]
    group.add_argument("--faces-dir", *names, dest="faces", metavar="DIR", action="append", default=[], help="a further folder with face restorers; likewise")


def folded(words: Sequence[str]) -> list[str]:
    """AUTOMATIC1111 lets several words follow --use-cpu; they become one, so that none of them is taken for a prompt."""
    result: list[str] = []
    for word in words:
        if word.lower() in CPU_WORDS and result and (result[-1] == "--use-cpu" or len(result) > 1 and result[-2] == "--use-cpu"):
            result[-1:] = [result[-1], word] if result[-1] == "--use-cpu" else [f"{result[-1]},{word}"]
        else:
            result.append(word)
    return result


def options_of(found: argparse.Namespace) -> Options:
    """Raises BadWords."""
    return Options(
        paths=_paths(found),
        device=_device(found),
        serve=_serving(found),
        extensions=not found.disable_all_extensions,
        prompt_history=not getattr(found, "no_prompt_history", False),
        hub=(found.hub_endpoint or os.environ.get("HF_ENDPOINT", "")).rstrip("/"),
        private_sources=found.private_sources,
    )


def _paths(found: argparse.Namespace) -> Paths:
    data = _folder(found.data_dir) if found.data_dir else PROJECT
    models = _folder(found.models_dir) if found.models_dir else data / "models"
    outputs = _folder(found.outputs_dir) if found.outputs_dir else None
    styles = tuple(Path(name).expanduser().absolute() for name in found.styles_file)
    others = {kind: places for kind in FURTHER_FLAGS if (places := _folders(getattr(found, _folders_of(kind))))}
    return Paths(
        data=data,
        outputs_dir=outputs,
        models=models,
        checkpoints=_folders(found.ckpt_dir),
        embeddings=_folders(found.embeddings_dir),
        upscalers=_folders(found.upscalers),
        faces=_folders(found.faces),
        others=others,
        styles_files=styles,
    )


def _folders(names: list[str]) -> tuple[Path, ...]:
    return tuple(map(_folder, names))


def _device(found: argparse.Namespace) -> DeviceOptions:
    device = found.device or (f"cuda:{_number('--device-id', found.device_id, 63)}" if found.device_id else "auto")
    if {"all", "sd"} & set(found.use_cpu.lower().split(",")):
        device = "cpu"
    placement: Placement = "lowvram" if found.lowvram else "medvram" if found.medvram else found.placement
    no_half = found.no_half or getattr(found, "precision", None) == "full"
    threads = _number("--threads", found.threads, 1024)
    return DeviceOptions(
        device=device,
        placement=placement,
        no_half=no_half,
        no_half_vae=found.no_half_vae,
        attention=found.attention,
        threads=threads,
        compile=found.compile,
        channels_last=found.opt_channelslast,
        texts=found.text_encoder_precision,
        medvram_sdxl=found.medvram_sdxl,
    )


def _serving(found: argparse.Namespace) -> ServeOptions:
    if bool(found.tls_keyfile) != bool(found.tls_certfile):
        raise BadWords("https needs both --tls-keyfile and --tls-certfile.")
    for flag, file in (("--tls-keyfile", found.tls_keyfile), ("--tls-certfile", found.tls_certfile)):
        if file and not Path(file).expanduser().is_file():
            raise BadWords(f"{flag}: there is no file {file}.")
    subpath = found.subpath.strip("/")
    return ServeOptions(
        port=None if found.port is None else _number("--port", found.port, HIGHEST_PORT, 1),
        listen=found.listen,
        server_name=found.server_name.strip(),
        share=found.share,
        logins=(*_logins("--gradio-auth", found.gradio_auth), *_logins_of_file(found.gradio_auth_path)),
        api_logins=_logins("--api-auth", found.api_auth),
        api=found.api or found.nowebui,
        api_server_stop=found.api_server_stop,
        nowebui=found.nowebui,
        autolaunch=found.autolaunch,
        theme=found.theme,
        tls_keyfile=str(Path(found.tls_keyfile).expanduser()) if found.tls_keyfile else "",
        tls_certfile=str(Path(found.tls_certfile).expanduser()) if found.tls_certfile else "",
        subpath=f"/{subpath}" if subpath else "",
        cors_origins=_names(found.cors_allow_origins),
        allowed_hosts=_names(found.allowed_hosts),
    )


def _folder(text: str) -> Path:
    try:
        folder = Path(text).expanduser().resolve()
    except (OSError, ValueError, RuntimeError):
        raise BadWords(f"{text[:200]!r} is no usable path.") from None
    if folder.exists() and not folder.is_dir():
        raise BadWords(f"{folder} is a file, but a folder is needed there.")
    return folder


def _number(flag: str, text: str, highest: int, lowest: int = 0) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not lowest <= int(text) <= highest:
        raise BadWords(f"{flag} = {text[:80]!r} is not usable. Give a whole number from {lowest} to {highest}.")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip().rstrip("/") for name in text.split(",") if name.strip())


def _logins(flag: str, text: str) -> tuple[tuple[str, str], ...]:
    """ "ann:secret,bob:other" -> pairs. A password may hold colons."""
    pairs = []
    for part in text.replace("\n", ",").split(","):
        if not part.strip():
            continue
        user, colon, password = part.strip().partition(":")
        if not (user and colon and password):
            raise BadWords(f"{flag} holds {user[:40]!r} without a password. Write user:password.")
        pairs.append((user, password))
    return tuple(pairs)


def _logins_of_file(name: str) -> tuple[tuple[str, str], ...]:
    if not name:
        return ()
    try:
        text = Path(name).expanduser().read_text(encoding="utf-8")
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise BadWords(f"--gradio-auth-path: {name} cannot be read ({getattr(error, 'strerror', None) or 'it is no text'}).") from None
    if not (logins := _logins("--gradio-auth-path", text)):
        raise BadWords(f"--gradio-auth-path: {name} holds no login. Write user:password, one a line.")
    return logins
