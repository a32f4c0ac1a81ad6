"""`generate "PROMPT"`: pictures without a page. Progress goes to stderr, the path of each saved picture to stdout, one a line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from modules.app import App
from modules.cli.complaint import TROUBLE
from modules.cli.delivery import Delivery, place_of, saving_for
from modules.cli.flags import add_running, add_serving, options_of
from modules.cli.parser import BadWords, Parser
from modules.cli.progress import wait_for
from modules.cli.request_flags import add_request, values_of
from modules.cli.starts import add_starts, begun, starts_of
from modules.core.options import Options
from modules.core.params import with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel
from modules.engine.save import Outputs, Saver
from modules.jobs.job import PictureRecord

INTERRUPTED = 130
A1111_PRECISION = {"full": "fp32", "half": "fp16", "autocast": "auto"}


def run(words: Sequence[str]) -> int:
    parser = Parser('generate "PROMPT"', "Makes pictures and prints where they were saved.")
    parser.add_argument("words", nargs="?", metavar="PROMPT", help="what the picture shows; in quotes")
    parser.add_argument(
        "--out", metavar="PATH", default="", help="a folder, or a file that ends in .png, .jpg, .webp or .avif (outputs/txt2img-images, or img2img-images)"
    )
    add_starts(parser)
    add_request(parser)
    add_running(parser)
    add_serving(parser, shown=False)
    found = parser.read(words)
    values = wishes(found)
    starts = starts_of(found.init, found.mask, values, found.depth)
    options = options_of(found)
    delivery = delivered(found.out, values, options) if found.out else None
    with opened(options, delivery) as app:
        request = wish(app, begun(values, starts, app.blobs))
        ticket = app.submit(request, saving=saving_for(found.out, bool(request.script.name)))
        app.start()
        result = wait_for(app, ticket, lambda record: print_path(app, record))
    if result.cancelled is Cancel.STOP:
        return INTERRUPTED
    return TROUBLE if delivery and delivery.missed else 0


def delivered(out: str, values: dict[str, Any], options: Options) -> Delivery:
    """Raises BadWords, InvalidRequest, OutputTrouble before any work is done."""
    asked = with_values(GenerationRequest(), {name: value for name, value in values.items() if name != "control"})  # it may still hold paths
    return Delivery(place_of(out, asked.pictures > 1 or bool(asked.script.name)), Outputs(options.paths.outputs))


def print_path(app: App, record: PictureRecord) -> None:
    """Of a picture that was saved; one that was interrupted is not."""
    if record.path:
        print(app.paths.outputs / record.path, flush=True)


def wishes(found: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, by field name. Raises BadWords."""
    values = values_of(found)
    if found.words is not None:
        if "prompt" in values:
            raise BadWords("The prompt was given twice. Give it as a word or with --prompt.")
        values["prompt"] = found.words
    if "prompt" not in values:
        raise BadWords('There is no prompt. Write for example: python launch.py generate "a cat on a blue background".')
    if "precision" in values:
        values["precision"] = A1111_PRECISION.get(values["precision"], values["precision"])
    return values


def wish(app: App, values: dict[str, Any]) -> GenerationRequest:
    """The request: what suits the model that was named, then what was asked for. Raises EaselError."""
    name = str(values.get("model", ""))
    if values.get("model_hash"):
        name = app.library.checkpoint(name, str(values["model_hash"])).name
    return with_values(app.default_request(name), values)


@contextmanager
def opened(options: Options, outputs: Saver | None = None) -> Iterator[App]:
    """An app that is not started yet, so that bad input is refused before torch is loaded; stopped at the end whatever happens.
    outputs: where pictures go, if not into the outputs folder."""
    app = App(options, resume=False, outputs=outputs)
    try:
        yield app
    finally:
        app.stop()
