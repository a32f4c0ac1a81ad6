# ruff: noqa: E402  (the libraries read their environment when they are imported)
"""How good is the starter model? Draws fixed prompts with the engine, as anybody would get them, and has them judged by a network that learnt from rendered scenes.
Run: python benchmarks/starter.py [--model FOLDER] [--objects N] [--most N] [--write]

The judge (`training/starter/judges`) never saw a picture of any model; how often it is right on renders that it did not learn from stands in the table. Prompts and seeds
are fixed (`training/starter/questions`). The autoencoder is measured on rendered scenes at the model's native size.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))
THREADS = os.environ.setdefault("OMP_NUM_THREADS", "2")
os.environ.update(HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error", DIFFUSERS_VERBOSITY="error")

import argparse
import hashlib
import io
import json
import tempfile
import time
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from modules.catalog.hashes import HashCache
from modules.catalog.scan import STARTER, Library
from modules.core.blobs import Blobs
from modules.core.params import with_values
from modules.core.paths import Paths
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.generate import Engine
from modules.engine.save import Outputs
from modules.networks import vae as autoencoder
from modules.training.starter.card import with_table
from modules.training.starter.data import pixels
from modules.training.starter.drawing import Drawing, box_of
from modules.training.starter.judges import Judge, judge_of, rendered, taught
from modules.training.starter.package import PACKAGE, read
from modules.training.starter.presets import PRESETS
from modules.training.starter.questions import OUTSIDE, Question, asked, boxed, scored, table
from modules.training.starter.scenes import scene

FIRST = 24
"""Things that the first starter model knows: the first of the package."""
LESSONS = 60_000
"""Pictures that the judge learns from."""
UNSEEN = 40_000_000
"""Scenes from this number on are for asking the judge."""
RESULTS = PROJECT / "benchmarks" / "results"


def drawn(
    engine: Engine, name: str, defaults: dict[str, object], questions: list[Question], keep: Path, drawing: Drawing, blobs: Blobs
) -> tuple[list[np.ndarray], float]:
    """keep: where the pictures lie; those that lie there are not drawn again. -> the pictures, and the middle of the processor seconds that one took."""
    found, seconds = [], [0.0]
    keep.mkdir(parents=True, exist_ok=True)
    for number, one in enumerate(questions):
        path = keep / f"{hashlib.sha256(f'{one.prompt}/{one.seed}{one.negative}'.encode()).hexdigest()[:16]}.png"
        if path.is_file():
            found.append(np.asarray(Image.open(path).convert("RGB")))
            continue
        began = time.process_time()
        wish = with_values(
            GenerationRequest(model=name, prompt=one.prompt, negative_prompt=one.negative, seed=one.seed), {**defaults, **edited(one, drawing, blobs)}
        )
        made = engine.run(wish, lambda event: None, lambda: Cancel.NONE, False)
        seconds.append(time.process_time() - began)
        path.write_bytes(made.pictures[0].data)
        found.append(np.asarray(Image.open(io.BytesIO(made.pictures[0].data)).convert("RGB")))
        if number % 25 == 24:
            print(f"{number + 1} of {len(questions)} pictures", file=sys.stderr, flush=True)
    return found, float(np.median(seconds[1:] or seconds))


def edited(question: Question, drawing: Drawing, blobs: Blobs) -> dict[str, object]:
    """What a request has beside its prompts where a rendered scene's thing is to be painted over: all of its box and a little more, from noise; or where a scene
    whose right side was cut off is to be continued there, from noise, too."""
    if question.start is None:
        return {}
    if question.set == "outpaint":
        cut = round(drawing.side * OUTSIDE)
        start = kept(blobs, drawing.draw(question.start)[:, : drawing.side - cut])
        return {"init.image": start, "outpaint.right": cut, "outpaint.fill": "latent noise"}
    left, top, right, bottom = box_of(question.start, drawing.side)
    mask = np.zeros((drawing.side, drawing.side), np.uint8)
    mask[max(0, top - 4) : bottom + 4, max(0, left - 4) : right + 4] = 255
    return {"init.image": kept(blobs, drawing.draw(question.start)), "mask.image": kept(blobs, mask), "mask.content": "latent noise", "init.strength": 1.0}


def kept(blobs: Blobs, picture: np.ndarray) -> str:
    data = io.BytesIO()
    Image.fromarray(picture).save(data, "PNG")
    return blobs.put(data.getvalue())


def reconstructions(engine: Engine, card: object, drawing: Drawing, names: tuple[str, ...], count: int = 64) -> tuple[float, float]:
    """dB over whole scenes, and over the boxes of their things."""
    model = engine.models.load(card, "fp32").model  # type: ignore[arg-type]
    scenes = [made for number in range(UNSEEN, UNSEEN + 8 * count) if not (made := scene(names, number, everything=True)).style and not made.relation][:count]
    pictures = [drawing.draw(one) for one in scenes]
    again = []
    with torch.inference_mode():
        for picture in pictures:
            latents = autoencoder.encode(model.parts["vae"], pixels(picture[None]), model.scale, torch.float32, "cpu")
            out = autoencoder.decode(model.parts["vae"], latents, model.scale, torch.float32, "cpu")[0]
            again.append(((out.clamp(-1, 1) + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8))
    found = boxed(pictures, again, [box_of(one, drawing.side) for one in scenes])
    return found.whole, found.box


def sheet(pictures: list[np.ndarray], questions: list[Question], count: int = 40, across: int = 8) -> Image.Image:
    """Some of each set, in the order of the table."""
    sets = list(dict.fromkeys(one.set for one in questions))
    rows = {kind: [number for number, one in enumerate(questions) if one.set == kind] for kind in sets}
    some = [rows[kind][place * len(rows[kind]) // 8] for kind in sets for place in range(min(8, len(rows[kind])))][: count * 2]
    side = pictures[0].shape[0]
    canvas = Image.new("RGB", (across * side, -(-len(some) // across) * side))
    for place, number in enumerate(some):
        canvas.paste(Image.fromarray(pictures[number]), (place % across * side, place // across * side))
    return canvas


def known(model: Path, given: int) -> int:
    """How many of the package's things a model learnt."""
    if given:
        return given
    told = model / "starter.json"
    return int(json.loads(told.read_text())["objects"]) if told.is_file() else FIRST


def learnt(drawing: Drawing, names: tuple[str, ...], lessons: int, keep: Path | None) -> Judge:
    """A judge; where pictures are kept, it is, too."""
    path = keep / f"judge-{lessons}-{drawing.side}-{hashlib.sha256('/'.join(names).encode()).hexdigest()[:16]}.safetensors" if keep else None
    if path and path.is_file():
        found = judge_of(names)
        found.net.load_state_dict(load_file(path))
        return found
    found = taught(drawing, names, lessons)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(found.net.state_dict(), path)
    return found


def told_of(judge: Judge, drawing: Drawing, names: tuple[str, ...]) -> str:
    seen = [one for number in range(600) for one in rendered(drawing, names, UNSEEN + number, 2)]
    return ", ".join(f"{name} {right / of:.1%}" for name, (right, of) in sorted(judge.right(seen).items()))


@dataclass
class Found:
    """What was measured of a model. seconds: of one picture. sure: how often the judge is right. old: whether the model was made before colours were kept apart."""

    name: str
    objects: int
    side: int
    size: int
    settings: str
    seconds: float
    rows: str
    sure: str
    lessons: int
    asked: int
    old: bool

    def __str__(self) -> str:
        taken = f"one took {self.seconds:.2f} s of processor time" if self.seconds else "drawn before"
        old = "; this model was made before that rule, so for it these are colours like any other" if self.old else ""
        return f"""# The starter model

`{self.name}`: {self.objects} objects, {self.side} x {self.side}, weights of {self.size / 1e6:.1f} MB. {self.asked} pictures of fixed prompts and seeds, with the model's own settings
({self.settings}), {THREADS} {"thread" if THREADS == "1" else "threads"}; {taken}. Made by `python benchmarks/starter.py --write`.

{self.rows}

The judge is a small network that learnt from {self.lessons:,} rendered scenes and never saw a picture of a model. On renders that it had not seen it was right about:
{self.sure}. "Never shown together" is the one colour of the twelve that each object is kept apart from in training{old}.
"""


def measured(given: argparse.Namespace, place: Path) -> tuple[Found, Image.Image]:
    """place: for what need not be kept."""
    count = known(given.model, given.objects)
    package = read(PACKAGE, count)
    names = tuple(one.name for one in package.cutouts)
    library = Library(Paths(data=place, models=given.model.parent, checkpoints=(given.model.parent,)), HashCache(place / "hashes.db"))
    blobs = Blobs(place / "inputs")
    engine = Engine(library, Outputs(place / "outputs"), blobs)
    card = library.checkpoint(given.model.name)
    side = int(card.defaults.get("width", PRESETS["cpu"].side))
    drawing = Drawing(package.cutouts, side)
    print(f"{card.name}: {count} objects, {side} x {side}", file=sys.stderr, flush=True)
    judge = learnt(drawing, names, given.lessons, given.keep)
    print("The judge has learnt.", file=sys.stderr, flush=True)
    questions = asked(names, {one.name: one.plural for one in package.cutouts}, most=given.most)
    pictures, seconds = drawn(engine, card.name, dict(card.defaults), questions, given.keep or place / "pictures", drawing, blobs)
    whole, box = reconstructions(engine, card, drawing, names)
    rows = f"""{table(scored(questions, pictures, judge))}
| autoencoder, on the object's box | {box:.1f} dB | 64 | | |
| autoencoder, whole scene | {whole:.1f} dB | 64 | | |"""
    size = sum(file.stat().st_size for file in given.model.rglob("*.safetensors"))
    settings = ", ".join(f"{name} {value}" for name, value in card.defaults.items() if "." not in name)
    old = not (given.model / "starter.json").is_file()
    found = Found(card.name, count, side, size, settings, seconds, rows, told_of(judge, drawing, names), given.lessons, len(questions), old)
    return found, sheet(pictures, questions)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=STARTER, help="a diffusers folder")
    parser.add_argument("--objects", type=int, default=0, help="how many things of the package it knows; usual is what the model says")
    parser.add_argument("--most", type=int, default=48, help="things that are asked for; fewer for a quick look")
    parser.add_argument("--lessons", type=int, default=LESSONS, help="pictures that the judge learns from")
    parser.add_argument("--keep", type=Path, help="a folder for this model's pictures; those of an earlier run that was cut short are not drawn again")
    parser.add_argument("--write", action="store_true", help="onto the model's card; of Easel's own into benchmarks/results, too")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found, image = measured(given, Path(folder))
    print(found)
    if not given.write:
        return
    card = given.model / "README.md"
    card.write_text(with_table(card.read_text("utf-8"), found.rows), "utf-8")
    if given.model.resolve() != STARTER.resolve():
        image.save(given.model / "measured.jpg", quality=85)
    else:
        (RESULTS / "starter.md").write_text(f"{found}\n![Its pictures, some of each row](starter.jpg)\n", "utf-8")
        image.save(RESULTS / "starter.jpg", quality=85)


if __name__ == "__main__":
    main()
