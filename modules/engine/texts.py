"""The texts that a request means: styles laid over its prompts, what of them is for the text encoder, and which text acts when. No torch."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from modules.core.records.samplers import SAMPLERS, split_sampler
from modules.core.request import GenerationRequest
from modules.prompt.grammar import networks, split_and, strip_comments
from modules.prompt.styles import Style, applied, lifted
from modules.prompt.timeline import timeline


def entries_of(text: str, request: GenerationRequest, first: GenerationRequest | None = None) -> list[tuple[int, str]]:
    """The texts that a prompt means over time; in a second pass it goes on from the first."""
    return timeline(text, calls_of(request), calls_of(first) if first else None, old=request.text.old_editing)


def calls_of(request: GenerationRequest) -> int:
    """A1111 counts schedules in denoiser calls, so second-order samplers have twice the steps."""
    steps = len(request.spacing.sigmas) or request.steps
    return steps * (2 if SAMPLERS.get(split_sampler(request.sampler)[0]).second_order else 1)


def spoken(request: GenerationRequest) -> list[str]:
    """Every text that the text encoder will be given, once, in order."""
    hires = request.hires
    positives = (request.prompt, hires.prompt or request.prompt)
    negatives = (request.negative_prompt, hires.negative_prompt or request.negative_prompt)
    parts = [text for prompt in positives for text, _ in split_and(read_prompt(prompt, request))]
    whole = [*parts, *(read_prompt(prompt, request) for prompt in negatives)]
    return list(dict.fromkeys(text for part in whole for _, text in entries_of(part, request)))


def read_prompt(text: str, request: GenerationRequest) -> str:
    """What of a prompt is for the text encoder: comments and <lora:...> taken out."""
    if request.text.comments:
        text = strip_comments(text)
    return networks(text)[0]


def styled(request: GenerationRequest, styles: Callable[[], Mapping[str, Style]]) -> GenerationRequest:
    """The styles' texts laid over the prompts, and no style named any more. An empty prompt of the second pass still means the first one's."""
    if not request.styles:
        return request
    known, hires = styles(), request.hires
    prompt, negative = applied(request.prompt, request.negative_prompt, request.styles, known)
    second, second_negative = applied(hires.prompt, hires.negative_prompt, request.styles, known)
    hires = dataclasses.replace(hires, prompt=second if hires.prompt else "", negative_prompt=second_negative if hires.negative_prompt else "")
    return dataclasses.replace(request, styles=(), prompt=prompt, negative_prompt=negative, hires=hires)


def unstyled(request: GenerationRequest, styles: Mapping[str, Style]) -> GenerationRequest:
    """The reverse: styles found in the prompts are named, and their texts gone. The request as it is where that would not draw the same."""
    if request.styles:
        return request
    found, prompt, negative = lifted(request.prompt, request.negative_prompt, styles.values())
    _, second, _ = lifted(request.hires.prompt, "", [Style(name, styles[name].prompt) for name in found])
    _, second_negative, _ = lifted(request.hires.negative_prompt, "", [Style(name, styles[name].negative_prompt) for name in found])
    hires = dataclasses.replace(request.hires, prompt=second, negative_prompt=second_negative)
    made = dataclasses.replace(request, prompt=prompt, negative_prompt=negative, hires=hires, styles=found)
    return made if found and styled(made, lambda: styles) == request else request
