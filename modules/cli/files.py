"""`inspect`, `convert` and `merge`: what can be done with model files from a terminal. Works on the paths that are named, writes only new files, starts nothing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from modules.catalog import cards, header
from modules.catalog.card import Card
from modules.catalog.hashes import HashCache
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import BadWords, Parser
from modules.cli.progress_line import Line
from modules.core.errors import BadModelFile
from modules.core.options import Options
from modules.core.params import from_dict
from modules.engine.names import FORBIDDEN, safe
from modules.networks.merge import Method, Mix, merge
from modules.networks.pickles import converted
from modules.networks.rewriting import Averages, Precision
from modules.networks.rewriting import convert as rewrite
from modules.stock import recipe
from modules.stock.making import PICKLES
from modules.stock.relayouts import Layout, relayout


def inspect(words: Sequence[str]) -> int:
    parser = Parser("inspect FILE", "Says what a safetensors file holds: its metadata and every tensor, from its header alone.")
    parser.add_argument("file", metavar="FILE", help="a .safetensors file")
    parser.add_argument("--json", action="store_true", help="a table for programs")
    found = _read(parser, words)[0]
    path = _there(found.file)
    told = header.read(path)
    rows = {name: {"dtype": entry.dtype, "shape": list(entry.shape)} for name, entry in told.tensors.items()}
    if found.json:
        print(json.dumps({"metadata": told.metadata, "tensors": rows}, ensure_ascii=False, indent=2))
        return 0
    for key, value in told.metadata.items():
        print(f"{key}: {value if len(value) < 300 else value[:300] + '…'}")
    width = max((len(name) for name in rows), default=0)
    for name, entry in told.tensors.items():
        print(f"{name:{width}}  {entry.dtype:7} {'x'.join(map(str, entry.shape)) or '-'}")
    print(f"{len(rows)} tensors, {path.stat().st_size / 1e6:.1f} MB")
    return 0


def convert(words: Sequence[str]) -> int:
    parser = Parser("convert FILE", "Writes a model file anew: as safetensors, in another precision, without averaged weights. The old one stays.")
    parser.add_argument(
        "file", metavar="FILE", help="a .safetensors file, or a pickle (.ckpt, .pt, .pth, .bin), which is read in a process that runs nothing of it"
    )
    parser.add_argument("--out", metavar="FILE", default="", help="the new file (beside the old one, with the precision behind its name)")
    parser.add_argument(
        "--as", dest="as_", choices=get_args(Precision), default="fp16", help="precision of the new one: as it is, fp32, fp16 (the default) or bf16"
    )
    parser.add_argument(
        "--ema", choices=get_args(Averages), default="drop", help="averaged weights: drop them, use them in place of the plain ones, or keep both"
    )
    parser.add_argument("--layout", choices=get_args(Layout), default="as it is", help="a diffusers folder as one file, or the other way round, to the bit")
    found, options = _read(parser, words)
    if found.layout != "as it is":
        return _laid_out(found, options)
    path = _there(found.file)
    ending = "" if found.as_ == "as it is" else f"-{found.as_}"
    target = _target(found.out, path.with_name(f"{path.stem}{ending}.safetensors"))
    rewrite(_safetensors(path, options), target, Line(target.name), found.as_, found.ema)
    print(target)
    return 0


def _laid_out(found: argparse.Namespace, options: Options) -> int:
    path, folder = Path(found.file).expanduser().resolve(), found.layout == "diffusers folder"
    if path.is_dir() == folder or not path.exists():
        raise BadWords(f"{found.file[:200]} is no {'single file' if folder else 'folder'}.")
    card = cards.checkpoint(path)
    usual = path.with_name(card.name if folder else f"{card.name}.safetensors")
    target = Path(found.out).expanduser().absolute() if found.out and folder else _target(found.out, usual)
    if target.exists():
        raise BadWords(f"{target} exists already. Name another one with --out.")
    relayout(path if path.is_dir() else _safetensors(path, options), target, Line(target.name), card.config, card.prediction)
    print(target)
    return 0


def merge_files(words: Sequence[str]) -> int:
    parser = Parser("merge A [B [C]]", "Merges checkpoints into a new one, with A1111's names and recipe. Memory does not grow with the files.")
    parser.add_argument("files", nargs="+", metavar="FILE", help="one for another VAE, two for a weighted sum, three for adding a difference")
    parser.add_argument("--method", choices=get_args(Method), help="what to do (told by how many files there are)")
    parser.add_argument("--multiplier", "-m", type=float, default=0.3, metavar="M", help="0 is A, 1 is B; how much of B - C is added (0.3)")
    parser.add_argument("--vae", metavar="FILE", default="", help="bake this VAE in")
    parser.add_argument("--as", dest="as_", choices=get_args(Precision), default="as it is", help="precision of the new one (as A has it)")
    parser.add_argument("--out", metavar="FILE", default="", help="the new file (beside A, named as A1111 names it)")
    found, options = _read(parser, words)
    if len(found.files) > 3:
        raise BadWords("At most three files can be merged.")
    method = found.method or ("No interpolation", "Weighted sum", "Add difference")[len(found.files) - 1]
    mix = from_dict(Mix, {"method": method, "multiplier": found.multiplier, "precision": found.as_})
    hashes = HashCache(options.paths.hash_cache)
    chosen = [_card(_there(name), hashes) for name in found.files]
    vae = _card(_there(found.vae), hashes) if found.vae else None
    name = safe(FORBIDDEN.sub("_", recipe.name_of(mix, [card.name for card in chosen] + ["B", "C"], chosen[0].variant)))
    target = _target(found.out, chosen[0].path.with_name(f"{name}.safetensors"))
    sources: list[Path | None] = [_safetensors(card.path, options) for card in chosen]
    a, b, c = (sources + [None, None])[:3]
    assert a is not None
    merge(mix, a, b, c, _safetensors(vae.path, options) if vae else None, target, recipe.metadata_of(mix, chosen, vae), Line(target.name))
    print(target)
    return 0


def _read(parser: Parser, words: Sequence[str]) -> tuple[argparse.Namespace, Options]:
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    return found, options_of(found)


def _there(name: str) -> Path:
    path = Path(name).expanduser()
    if path.is_dir():
        raise BadWords(f"{name[:200]} is a folder; a single file is needed.")
    if not path.is_file():
        raise BadWords(f"There is no file {name[:200]}.")
    return path


def _target(wanted: str, usual: Path) -> Path:
    path = Path(wanted).expanduser() if wanted else usual
    if path.suffix != ".safetensors":
        path = path.with_name(f"{path.name}.safetensors")
    if path.exists():
        raise BadWords(f"{path} exists already. Name another file with --out.")
    return path


def _card(path: Path, hashes: HashCache) -> Card:
    card = cards.addition(path)
    if card.trouble and path.suffix.lower() not in PICKLES:
        header.read(path)  # says what is damaged
    return replace(card, sha256=hashes.sha256(path))


def _safetensors(path: Path, options: Options) -> Path:
    if path.suffix.lower() == ".safetensors":
        return path
    if path.suffix.lower() not in PICKLES:
        raise BadModelFile(f"{path.name} is neither safetensors nor a pickle.", "Give a .safetensors, .ckpt, .pt, .pth or .bin file.")
    print(f"reading the pickle {path.name} in a process of its own", file=sys.stderr, flush=True)
    return converted(path, HashCache(options.paths.hash_cache).sha256(path), options.paths.converted)
