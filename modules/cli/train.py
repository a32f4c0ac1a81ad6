"""`train WHAT FOLDER --name NAME`: a LoRA, a textual inversion, a UNet or an autoencoder, learnt from a folder of pictures. `--check` only looks at the pictures.
`train starter` is another matter: it makes a whole model (`cli.starter`).

Progress goes to stderr, the path of what came out to stdout. Ctrl+C pauses: a checkpoint is written, and `train WHAT --name NAME --resume` goes on with the run
as it was begun; `--keep` ends it there instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from modules.app import App
from modules.cli import starter
from modules.cli.complaint import BAD_INPUT
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.generate import INTERRUPTED, opened
from modules.cli.parser import Parser
from modules.cli.progress import wait_for
from modules.cli.progress_line import Line
from modules.cli.request_flags import add_fields, values_of
from modules.core.errors import InvalidRequest
from modules.core.files import replace as replace_file
from modules.core.params import literal_names, named, value_of, walk, with_values
from modules.core.records.families import FAMILIES
from modules.core.result import Cancel
from modules.core.training import TrainingRequest, called, worded
from modules.core.training import check as check_words
from modules.training import room
from modules.training.checking import check
from modules.training.places import leads, place_of, target
from modules.training.views import Views, sheet

WITHOUT_FLAG = ("what", "data.folder", "model_hash")
GONE_ON = ("steps", "resume", "keep")
"""What is said of a run that is gone on with."""
SHEET = "what-the-model-sees.png"


def run(words: Sequence[str]) -> int:
    kinds = literal_names(named(TrainingRequest, "what").type)
    if "starter" in words and not set(kinds) & set(words):  # flags of COMMANDLINE_ARGS may stand before it
        place = list(words).index("starter")
        return starter.run([*words[:place], *words[place + 1 :]])
    parser = Parser(
        f"train {{{','.join(kinds)}}} FOLDER --name NAME", "Learns from a folder of pictures. `train starter --help`: the model that comes with Easel."
    )
    parser.add_argument("what", choices=kinds, help="what is trained")
    parser.add_argument("folder", nargs="?", default="", metavar="FOLDER", help="pictures, with captions in metadata.csv, metadata.jsonl or .txt files")
    parser.add_argument("--check", action="store_true", help="only look at the pictures: what is wrong with them, and a sheet of what the model will see")
    fields = [field for field in walk(TrainingRequest) if field.name not in WITHOUT_FLAG]
    add_fields(parser.add_argument_group("the training"), fields)
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    options = options_of(found)
    with opened(options) as app:
        request = wish(found)
        if found.check:
            return looked(app, request)
        return trained(app, gone_on(app, found) if request.resume or request.keep else request)


def wish(found: argparse.Namespace) -> TrainingRequest:
    """Raises InvalidRequest."""
    return with_values(TrainingRequest(), _values(found))


def gone_on(app: App, found: argparse.Namespace) -> TrainingRequest:
    """A run as it was begun. The command that began it may be repeated; what says something else could not act, and is refused. Raises EaselError."""
    given = replace(wish(found), resume=True)
    check_words(given)
    request = app.trainings.resumed(given.name, steps=given.steps if "steps" in vars(found) else 0, keep=given.keep)
    now = with_values(request, _values(found))
    if others := [field for field in walk(TrainingRequest) if field.name not in GONE_ON and value_of(now, field) != value_of(request, field)]:
        told = ", ".join({"what": "WHAT", "data.folder": "FOLDER"}.get(field.name, f"--{field.flag}") for field in others)
        was = ", ".join(f"{value_of(request, field)!r:.200}" for field in others)
        what = f"{told} cannot act: {request.name} goes on as it was begun, with {was}."
        raise InvalidRequest(what, "Leave that out, or train anew under another name.", others[0].name)
    return request


def _values(found: argparse.Namespace) -> dict[str, Any]:
    """What was given, by dotted name."""
    given = {name: value for name, value in values_of(found, TrainingRequest).items() if name not in WITHOUT_FLAG}
    folder = {"data.folder": str(Path(found.folder).expanduser().absolute())} if found.folder else {}
    return {**given, "what": found.what, **folder}


def trained(app: App, request: TrainingRequest) -> int:
    if not request.resume:
        target(request, app.paths)  # refused before torch is loaded
        if card := app.card(request.model):
            room.check(request, card, app.paths)
    ticket = app.submit(request)
    app.start()
    result = wait_for(app, ticket)
    if result.cancelled is Cancel.STOP:
        return INTERRUPTED
    if leads():
        print(place_of(request, app.paths), flush=True)
    return 0


def looked(app: App, request: TrainingRequest) -> int:
    """-> 2 where nothing could be trained before something is mended."""
    if not request.data.folder:
        raise InvalidRequest("There are no pictures to look at.", "Name a folder.", "data.folder")
    card = app.card(request.model)
    side = request.data.side or (card and (card.native or FAMILIES.get(card.family).native)) or 512
    checked = check(Path(request.data.folder), side, worded(request), Line("Looking at the pictures"))
    for finding in checked.findings:
        print(f"{'error' if finding.stops else 'note'}: {finding}", flush=True)
    print(f"{len(checked.entries)} pictures can be trained on, {sum(bool(entry.caption) for entry in checked.entries)} of them with captions.", flush=True)
    if checked.entries:
        views = Views(request.data, side, 8, request.seed)
        path = app.paths.training / (request.name or "check") / SHEET
        replace_file(path, sheet(checked.entries, views, called(request)))
        print(path, flush=True)
    return BAD_INPUT if checked.stopped else 0
