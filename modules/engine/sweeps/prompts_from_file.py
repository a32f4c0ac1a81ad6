"""Prompts from file or textbox: one run for each line. Rule: the project's notes on A1111 (Prompts from file)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.errors import EaselError, InvalidRequest
from modules.core.params import STRICT, Param, with_values
from modules.core.request import GenerationRequest
from modules.core.result import Cancel, Picture
from modules.engine.sweeps.part import Outcome, Part, Sweep
from modules.engine.sweeps.prompt_lines import PromptLine, read_line
from modules.engine.sweeps.script import ScriptRecord
from modules.engine.sweeps.seeds import advanced, plain, settled
from modules.engine.sweeps.tools import Tools

MOST = 2000
"""Lines."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    iterate_seed: Annotated[bool, Param("Iterate seed every line", hint="Each line's seeds go on where the line before ended.")] = False
    same_seed: Annotated[bool, Param("Use same random seed for all lines", hint="A seed of -1 is drawn once.")] = False
    position: Annotated[Literal["start", "end"], Param("Insert prompts at the", hint="Of the request's own prompt.")] = "start"
    lines: Annotated[str, Param("List of prompt inputs", max_length=200_000, hint="One prompt a line, or --prompt ... --steps 20 ...")] = ""


def sweep(request: GenerationRequest, arguments: Arguments, tools: Tools) -> Sweep:
    """All lines are looked at before the first is drawn. There is no grid."""
    lines = [read_line(line) for line in map(str.strip, arguments.lines.splitlines()) if line]
    if not 0 < len(lines) <= MOST:
        raise InvalidRequest(f"Prompts from file was given {len(lines) or 'no'} lines.", f"Write one prompt a line, {MOST} at most.", "script.args.lines")
    whole = settled(request, tools)
    counted = arguments.iterate_seed or arguments.same_seed
    base = replace(whole, seed=whole.seed if counted else request.seed, variation=request.variation)
    requests, notes = [], []
    for number, line in enumerate(lines):
        seed = advanced(base.seed, number * base.pictures) if arguments.iterate_seed else base.seed
        requests.append(_checked(replace(base, seed=seed), line, number + 1, arguments.position == "start", tools))
        notes += [f"Line {number + 1}: {reason}." for reason in line.left]
    total = sum(one.pictures for one in requests)
    pictures: list[Picture] = []
    for one, line in zip(requests, lines, strict=True):
        result = yield Part(one, of=total, save=line.save)
        pictures += result.pictures
        if result.cancelled is Cancel.STOP:
            break
    return Outcome(whole, tuple(pictures), notes=tuple(notes))


def _checked(base: GenerationRequest, line: PromptLine, number: int, before: bool, tools: Tools) -> GenerationRequest:
    """The request of one line. Raises InvalidRequest that names the line."""
    try:
        changed = with_values(plain(base), _values(base, line.values, before))
        tools.resolve(changed)
    except EaselError as error:
        raise InvalidRequest(f"Prompts from file, line {number}: {error.what}", error.remedy, "script.args.lines") from None
    return changed


def _values(base: GenerationRequest, values: Mapping[str, Any], before: bool) -> dict[str, Any]:
    found = dict(values)
    for name in ("prompt", "negative_prompt"):
        own = getattr(base, name)
        if found.get(name) and own:
            found[name] = f"{found[name]} {own}" if before else f"{own} {found[name]}"
    if "model" in found:
        found["model_hash"] = ""
    return found


SCRIPT = ScriptRecord(
    name="Prompts from file or textbox",
    arguments=Arguments,
    places=("iterate_seed", "same_seed", "position", "lines"),
    sweep=sweep,
    aliases=("Prompts from file",),
)
