"""File-name patterns: `[seed]-[prompt_words]` -> a name that every system takes. A1111's tags and rules.

A tag that is not known, or that cannot be filled, stays as it was typed. What comes out has no separators but those of the pattern itself, no reserved
names, no control or direction characters, and a bounded length. Knows no folder and no disk.
Source for the names: Windows' "Naming Files, Paths, and Namespaces"; POSIX NAME_MAX.
"""

from __future__ import annotations

import hashlib
import io
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from PIL import Image

from modules.core.limits import RESERVED
from modules.core.records.samplers import resolved_schedule
from modules.core.records.schedules import SCHEDULES
from modules.core.request import GenerationRequest, single
from modules.core.result import Picture

TAG = re.compile(r"\[([^\[\]<>]+)((?:<[^<>]*>)*)\]")
ARGUMENT = re.compile(r"<([^<>]*)>")
LONGEST_PART = 128
"""Characters that one tag may fill in."""
LONGEST_NAME = 200
"""Bytes of a name without its ending: with number and ending it stays below the 255 of most disks."""
DEEPEST = 8
"""Folders within folders that a pattern may make."""
FORBIDDEN = re.compile(r'[#<>:"/\\|?*\n\r\t]')
WORDS = re.compile(r"[\s,.:;!?()\[\]{}<>|\\/\"'*#&=+]+")


class Nothing(Exception):
    """The tag has nothing to say here: it goes, and the text before it."""


@dataclass(frozen=True)
class Shot:
    """What a name may tell of a picture. whole: the resolved request of its run. asked: as it was submitted, with its styles. user: login, "" without.
    began: when the job did. words: at most, of [prompt_words]. basename: "grid" for grids."""

    picture: Picture
    whole: GenerationRequest
    asked: GenerationRequest
    user: str = ""
    began: datetime = field(default_factory=datetime.now)
    words: int = 8
    basename: str = ""

    @property
    def one(self) -> GenerationRequest:
        return self.picture.request


Fill = Callable[[Shot, list[str]], str]
"""(shot, the tag's arguments) -> text. Raises Nothing, ValueError, LookupError."""


def name(pattern: str, shot: Shot) -> str:
    """A file's name without number and ending; "" when the pattern fills in nothing."""
    return safe(FORBIDDEN.sub("_", filled(pattern, shot)))


def folders(pattern: str, shot: Shot) -> tuple[str, ...]:
    """The folders that a pattern names, outermost first. A slash of the pattern leads into a folder, one in a tag's text does not."""
    parts = (safe(FORBIDDEN.sub("_", part)) for part in re.split(r"[/\\]", filled(pattern, shot)))
    return tuple(part for part in parts if part)[:DEEPEST]


def filled(pattern: str, shot: Shot) -> str:
    result, place = "", 0
    for found in TAG.finditer(pattern):
        between, place = pattern[place : found.start()], found.end()
        fill = TAGS.get(found[1].strip().lower())
        try:
            result += between + (found[0] if fill is None else fill(shot, ARGUMENT.findall(found[2])))
        except Nothing:
            continue
        except (ValueError, LookupError, OverflowError, OSError):
            result += between + found[0]
    return result + pattern[place:]


def part(text: str, spaces: bool = False) -> str:
    """A tag's text without what no name holds. spaces: they become lines, too."""
    text = FORBIDDEN.sub("_", text.replace(" ", "_") if spaces else text)
    return text.lstrip(" ")[:LONGEST_PART].rstrip(" .")


def safe(text: str) -> str:
    """A name that is one on every system, whatever was typed or prompted."""
    text = unicodedata.normalize("NFC", text)
    text = "".join(letter for letter in text if unicodedata.category(letter) not in ("Cc", "Cs", "Co", "Cn") and letter not in DIRECTIONS)
    text = text.strip().rstrip(". ")
    text = re.sub(r"^\.+", "_", text)
    text = f"_{text}" if RESERVED.match(text) else text
    return text.encode()[:LONGEST_NAME].decode("utf-8", "ignore").rstrip(". ")


DIRECTIONS = frozenset("\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\ufeff")
"""They turn the shown order of letters about: a name could look as if it had another ending."""


def _digits(text: str, arguments: list[str]) -> str:
    length = int(arguments[0]) if arguments and arguments[0].strip() else 8
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[: max(0, length)]


def _image_hash(shot: Shot, arguments: list[str]) -> str:
    with Image.open(io.BytesIO(shot.picture.data)) as image:
        digest = hashlib.sha256(image.tobytes()).hexdigest()
    return digest[: int(arguments[0])] if arguments and arguments[0].strip() else digest


def _time(shot: Shot, arguments: list[str]) -> str:
    zone = None
    if len(arguments) > 1 and arguments[1].strip():
        try:
            zone = zoneinfo.ZoneInfo(arguments[1].strip())
        except (ValueError, OSError, LookupError):
            zone = None
    now = datetime.now(zone)
    usual = "%Y%m%d%H%M%S"
    try:
        text = now.strftime(arguments[0] if arguments and arguments[0] else usual)
    except ValueError:
        text = now.strftime(usual)
    return part(text)


def _seed_last(shot: Shot, arguments: list[str]) -> str:
    if shot.whole.pictures < 2:
        raise Nothing
    return str(single(shot.whole, shot.whole.pictures - 1).seed)


def _batch_number(shot: Shot, arguments: list[str]) -> str:
    if shot.whole.batch_size < 2 or shot.basename:
        raise Nothing
    return str(shot.picture.index % shot.whole.batch_size + 1)


def _generation_number(shot: Shot, arguments: list[str]) -> str:
    if shot.whole.pictures < 2 or shot.basename:
        raise Nothing
    return str(shot.picture.index + 1)


def _denoising(shot: Shot, arguments: list[str]) -> str:
    one = shot.one
    strength = one.init.strength if one.init.image else one.hires.strength if one.hires.enabled else 0
    if not strength:
        raise Nothing
    return f"{strength:g}"


def _schedule(shot: Shot, arguments: list[str]) -> str:
    return part(SCHEDULES.get(resolved_schedule(shot.one.sampler, shot.one.schedule)).name.capitalize())


def _sampler_schedule(shot: Shot, arguments: list[str]) -> str:
    schedule = resolved_schedule(shot.one.sampler, shot.one.schedule)
    return part(shot.one.sampler if schedule == "Automatic" else f"{shot.one.sampler} {schedule}")


def _words(shot: Shot, arguments: list[str]) -> str:
    words = [word for word in WORDS.split(shot.one.prompt) if word] or ["empty"]
    return part(" ".join(words[: shot.words]))


def _has_prompt(shot: Shot, arguments: list[str]) -> str:
    if not arguments:
        raise ValueError
    prompt, found = shot.one.prompt.lower(), ""
    for argument in arguments:
        wanted, _, otherwise = argument.partition("|")
        found += wanted if wanted and wanted.lower() in prompt else otherwise
    return part(found, spaces=True)


def _user(shot: Shot, arguments: list[str]) -> str:
    return part(shot.user)


TAGS: Mapping[str, Fill] = {
    "seed": lambda shot, _: str(shot.one.seed),
    "seed_first": lambda shot, _: str(shot.whole.seed),
    "seed_last": _seed_last,
    "steps": lambda shot, _: str(shot.one.steps),
    "cfg": lambda shot, _: f"{shot.one.cfg_scale:g}",
    "width": lambda shot, _: str(shot.picture.width),
    "height": lambda shot, _: str(shot.picture.height),
    "styles": lambda shot, _: part(", ".join(shot.asked.styles) or "None"),
    "sampler": lambda shot, _: part(shot.one.sampler),
    "scheduler": _schedule,
    "sampler_scheduler": _sampler_schedule,
    "model_hash": lambda shot, _: shot.one.model_hash[:10],
    "model_name": lambda shot, _: part(shot.one.model),
    "date": lambda shot, _: datetime.now().strftime("%Y-%m-%d"),
    "datetime": _time,
    "job_timestamp": lambda shot, _: shot.began.strftime("%Y%m%d%H%M%S"),
    "prompt": lambda shot, _: part(shot.one.prompt, spaces=True),
    "prompt_no_styles": lambda shot, _: part(shot.asked.prompt),
    "prompt_spaces": lambda shot, _: part(shot.one.prompt),
    "prompt_words": _words,
    "prompt_hash": lambda shot, arguments: _digits(shot.one.prompt, arguments),
    "negative_prompt_hash": lambda shot, arguments: _digits(shot.one.negative_prompt, arguments),
    "full_prompt_hash": lambda shot, arguments: _digits(f"{shot.one.prompt} {shot.one.negative_prompt}", arguments),
    "batch_number": _batch_number,
    "batch_size": lambda shot, _: str(shot.whole.batch_size),
    "generation_number": _generation_number,
    "hasprompt": _has_prompt,
    "clip_skip": lambda shot, _: str(shot.one.text.clip_skip),
    "denoising": _denoising,
    "user": _user,
    "vae_filename": lambda shot, _: part(shot.one.vae) if shot.one.vae_hash else "NoneType",
    "image_hash": _image_hash,
    "basename": lambda shot, _: shot.basename,
    "none": lambda shot, _: "",
}
"""A1111's tags, by name in small letters."""
