"""Styles: named pieces of prompts, laid over prompts and lifted out of them again. A1111's rules. No torch; knows no request and no file (`style_file`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from modules.core.errors import InvalidRequest
from modules.core.limits import PROMPT_LIMIT

PLACE = "{prompt}"
"""Where a style's text takes the prompt in; without it the text is appended."""


@dataclass(frozen=True)
class Style:
    """prompt, negative_prompt: "" where the style leaves that one alone."""

    name: str
    prompt: str = ""
    negative_prompt: str = ""


def applied(prompt: str, negative_prompt: str, names: Iterable[str], styles: Mapping[str, Style]) -> tuple[str, str]:
    """Both prompts with the styles laid over them in order. An unknown name acts as an empty style, as in A1111: it strips the prompts.
    Raises InvalidRequest when one grows longer than a prompt may be."""
    for name in names:
        style = styles.get(name, Style(name))
        prompt, negative_prompt = _over(prompt, style.prompt), _over(negative_prompt, style.negative_prompt)
    return prompt, negative_prompt


def _over(prompt: str, style: str) -> str:
    if len(style) + len(prompt) * max(style.count(PLACE), 1) > PROMPT_LIMIT:
        raise InvalidRequest(f"With its styles a prompt has more than {PROMPT_LIMIT} characters.", "Take fewer or shorter styles.", "styles")
    if PLACE in style:
        return style.replace(PLACE, prompt)
    return ", ".join(part for part in (prompt.strip(), style.strip()) if part)


def lifted(prompt: str, negative_prompt: str, styles: Iterable[Style]) -> tuple[tuple[str, ...], str, str]:
    """(names in the order in which they were laid over, the prompts without them): the reverse of `applied`, for a pasted text.
    A style is found where both of its texts are."""
    candidates = [style for style in styles if style.prompt.strip() or style.negative_prompt.strip()]
    names: list[str] = []
    while True:
        for style in candidates:
            first, second = _without(prompt, style.prompt), _without(negative_prompt, style.negative_prompt)
            if first is not None and second is not None:
                break
        else:
            return tuple(reversed(names)), prompt, negative_prompt
        candidates.remove(style)
        names.append(style.name)
        prompt, negative_prompt = first, second


def _without(prompt: str, style: str) -> str | None:
    """The prompt without a style's text; None when that is not in it."""
    prompt, style = prompt.strip(), style.strip()
    if PLACE in style:
        left, _, right = style.partition(PLACE)
        inside = prompt.startswith(left) and prompt.endswith(right) and len(left) + len(right) <= len(prompt)
        return prompt[len(left) : len(prompt) - len(right)] if inside else None
    return prompt.removesuffix(style).removesuffix(", ") if prompt.endswith(style) else None
