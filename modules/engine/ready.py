"""Makes a plain request ready to be drawn: extensions have their turn, picture by picture, and a picture whose words they changed gets a run of its own.

What they made of a picture is concrete: its request is marked `as_is` and draws the same without them. Of a whole that keeps its templates (a batch, a grid)
the answers are recorded beside them, so that it comes back as it was, too. Knows no extension and no script. No torch.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from modules.core.errors import InvalidRequest
from modules.core.params import value_of, walk, with_values
from modules.core.request import RECORDED, TEXTS, GenerationRequest, single
from modules.core.result import Cancel, Result

Note = Callable[[str], None]
"""Takes a sentence that the user should read."""
Prepare = Callable[[GenerationRequest, Note], GenerationRequest]
"""(the request of one picture, styles laid over and seed drawn) -> the same, or what it is to be instead."""
Answers = Mapping[str, Mapping[str, Any]]
"""By `key`: what extensions changed in a picture's request, by parameter."""

PARTS = "parts"
"""Where answers stand in `request.extensions`. No extension has this name."""
REPLAYED = (*TEXTS, "extensions")
"""What an answer may change. It comes out of files: no model and no picture is chosen by it."""

UNKEPT = "What extensions made of the pictures is too long to be kept with the whole; every picture's own file has it."


@dataclass(frozen=True)
class Ready:
    """whole: the request as it was asked for, seeds drawn. runs: what to draw for it, in order; one run where all pictures share their words."""

    whole: GenerationRequest
    runs: tuple[GenerationRequest, ...]
    notes: tuple[str, ...] = ()
    answers: Answers = field(default_factory=dict)


def unchanged(request: GenerationRequest) -> Ready:
    return Ready(request, (request,))


def ready(request: GenerationRequest, begin: Callable[[GenerationRequest], GenerationRequest], prepare: Prepare) -> Ready:
    """request: without a script. begin: lays styles over and draws seeds. Raises what `begin` raises."""
    if request.as_is:
        return unchanged(request)
    whole, known = _taken_apart(begin(request))
    runs: list[GenerationRequest] = []
    notes: list[str] = []
    answers: dict[str, Mapping[str, Any]] = {}
    for index in range(whole.pictures):
        plain = single(whole, index)
        made = _again(plain, known) or prepare(plain, notes.append)
        if made != plain:
            made = dataclasses.replace(made, embeddings={}, loras={})  # those of the template are not those of the words
            answers[key(plain)] = _changes(plain, made)
        runs.append(dataclasses.replace(made, as_is=True))
    if not answers:
        whole = dataclasses.replace(whole, as_is=True)
        return Ready(whole, (whole,), tuple(notes))
    return Ready(whole, tuple(runs), tuple(notes), answers)


def joined(whole: Ready, results: list[Result]) -> Result:
    """The result of several runs as one. Its request keeps the templates; what resolving filled in is taken over from the first run."""
    asked, concrete = whole.runs[0], results[0].request
    filled = {
        one.name: value_of(concrete, one) for one in walk(GenerationRequest) if one.name not in RECORDED and value_of(asked, one) != value_of(concrete, one)
    }
    pictures = tuple(picture for result in results for picture in result.pictures)
    notes = tuple(dict.fromkeys(note for result in results for note in result.notes))
    cancelled = max((result.cancelled for result in results), key=[*Cancel].index)
    return Result(with_values(whole.whole, filled), pictures, notes, sum(result.seconds for result in results), cancelled, results[-1].facts)


def recorded(request: GenerationRequest, answers: Answers) -> GenerationRequest:
    """The request of a whole with its answers, by which it comes back as it was. Answers too many to keep are left out."""
    kept = {name: dict(change) for name, change in answers.items() if set(change) <= set(REPLAYED)}
    if not kept:
        return request
    try:
        return with_values(request, {"extensions": {**request.extensions, PARTS: kept}})
    except InvalidRequest:  # beyond the limit of what may be recorded
        return request


def key(request: GenerationRequest) -> str:
    """Names the request of a picture before extensions had their turn: by its prompts and numbers, for names are yet to be filled in and spelled out. Only
    what differs from the defaults counts, so that a later parameter changes no key."""
    told = {one.name: value_of(request, one) for one in walk(GenerationRequest) if one.name in TEXTS or isinstance(one.default, int | float)}
    told = {one.name: told[one.name] for one in walk(GenerationRequest) if one.name in told and told[one.name] != one.default}
    return hashlib.blake2s(json.dumps(told, sort_keys=True).encode(), digest_size=8).hexdigest()


def _taken_apart(request: GenerationRequest) -> tuple[GenerationRequest, Mapping[str, Any]]:
    known = request.extensions.get(PARTS, {})
    return dataclasses.replace(request, extensions={name: record for name, record in request.extensions.items() if name != PARTS}), known


def _again(plain: GenerationRequest, known: Mapping[str, Any]) -> GenerationRequest | None:
    """The recorded answer; None where there is none, or none that can be used."""
    change = known.get(key(plain)) if known else None
    if not isinstance(change, Mapping) or not set(change) <= set(REPLAYED):
        return None
    try:
        return with_values(plain, change)
    except InvalidRequest:
        return None


def _changes(before: GenerationRequest, after: GenerationRequest) -> dict[str, Any]:
    names = [one for one in walk(GenerationRequest) if one.name not in RECORDED and value_of(before, one) != value_of(after, one)]
    return {one.name: value_of(after, one) for one in names}
