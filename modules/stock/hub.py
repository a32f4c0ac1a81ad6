"""What a repository of the model hub holds, and what of it can be fetched. Asks through `stock.hub_child`, and only when a person wants to know.

Single files are offered one by one; a diffusers folder as a whole, in one precision. Safetensors (and GGUF) only: pickles are not offered.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import quote, urlsplit

from modules.core.errors import InvalidRequest, NotFound, Unavailable, Unsupported
from modules.core.paths import PROJECT

SECONDS = 90
"""For the child, import of the library included."""
NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
REVISION = re.compile(r"[\w./-]{0,100}")
WEIGHTS = (".safetensors", ".gguf")
INDEX = "model_index.json"
SIDE = (".json", ".txt", ".model")
"""Endings of the small files of a diffusers folder."""
VARIANT = re.compile(r"\.(fp16|bf16|fp32|non_ema|ema)(?=[.-])")
USUAL = ("diffusion_pytorch_model", "model", "pytorch_lora_weights", "pytorch_model", "adapter_model", "learned_embeds")
"""Names that say nothing outside their repository."""
LARGEST_ANSWER = 32 * 2**20


@dataclass(frozen=True)
class HubFile:
    """path: within the repository. sha256: "" for small files, which the hub keeps another way."""

    path: str
    size: int
    sha256: str = ""

    @property
    def name(self) -> str:
        return PurePosixPath(self.path).name


@dataclass(frozen=True)
class Offer:
    """Something that is fetched as one. id: in addresses. folder: whether it becomes a folder. name: what it is to be called here."""

    id: str
    name: str
    files: tuple[HubFile, ...]
    folder: bool = False
    variant: str = ""

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


@dataclass(frozen=True)
class Listing:
    """revision: the commit, so that what is fetched is what was looked at. token: of the library's own store, "" without; never shown."""

    repository: str
    revision: str
    endpoint: str
    files: tuple[HubFile, ...]
    licence: str = ""
    tags: tuple[str, ...] = ()
    base: str = ""
    gated: bool = False
    token: str = ""

    def __repr__(self) -> str:
        return f"Listing({self.repository}@{self.revision})"

    def url(self, file: HubFile) -> str:
        return f"{self.endpoint}/{self.repository}/resolve/{quote(self.revision)}/{quote(file.path)}"

    @property
    def group(self) -> str:
        """The group of models that its tags speak of."""
        words = {
            "lora": "lora",
            "textual_inversion": "embedding",
            "controlnet": "control",
            "ip-adapter": "control",
            "t2i-adapter": "control",
            "upscaler": "upscaler",
        }
        return next((group for tag, group in words.items() if tag in self.tags), "checkpoint")


def named(text: str, revision: str = "") -> tuple[str, str]:
    """(repository, revision) of what a person typed or pasted: `owner/name`, or an address of the hub's. Raises InvalidRequest."""
    text = text.strip()
    if "://" in text:
        parts = [part for part in urlsplit(text).path.split("/") if part]
        text = "/".join(parts[:2])
        if len(parts) > 3 and parts[2] in ("tree", "blob", "resolve") and not revision:
            revision = parts[3]
    if not NAME.fullmatch(text) or ".." in text or "--" in text:
        raise InvalidRequest(f"{text[:80]!r} is no name of a repository.", "Write it as owner/name.", "repository")
    if not REVISION.fullmatch(revision.strip()) or ".." in revision:
        raise InvalidRequest(f"{revision[:80]!r} is no revision.", "Give a branch, a tag or a commit, or leave it empty.", "revision")
    return text, revision.strip()


def look(repository: str, revision: str = "", endpoint: str = "") -> Listing:
    """Asks the hub. Raises NotFound, Unsupported, InvalidRequest, Unavailable."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    if endpoint:
        environment["HF_ENDPOINT"] = endpoint
    try:
        done = subprocess.run(
            [sys.executable, "-m", "modules.stock.hub_child"],
            cwd=PROJECT,
            env=environment,
            input=json.dumps({"repository": repository, "revision": revision}).encode(),
            capture_output=True,
            timeout=SECONDS,
        )
        told = json.loads(done.stdout[:LARGEST_ANSWER])
    except (OSError, ValueError, subprocess.TimeoutExpired):
        raise Unavailable("The model hub could not be asked.", "Check the connection, then try again.") from None
    if problem := told.get("problem"):
        raise _explained(problem, repository, revision, told)
    files = tuple(HubFile(str(one["path"]), int(one["size"]), str(one["sha256"])) for one in told["files"] if _harmless(str(one["path"])))
    return Listing(
        told["repository"],
        told["revision"],
        str(told["endpoint"]).rstrip("/"),
        files,
        told["licence"],
        tuple(told["tags"]),
        told["base"],
        told["gated"],
        told["token"],
    )


def _explained(problem: str, repository: str, revision: str, told: dict[str, object]) -> Exception:
    host = urlsplit(str(told.get("endpoint", ""))).hostname or "the hub"
    if problem == "gated":
        return Unsupported(
            f"{repository} is only for people who accepted its terms.", "Accept them on its page, and log in once with the command hf auth login."
        )
    if problem == "repository":
        return NotFound(
            f"There is no repository {repository} at {host}, or it is private.", "Check the name; for a private one log in with hf auth login.", "repository"
        )
    if problem == "revision":
        return NotFound(f"{repository} has no revision {revision[:80]!r}.", "Leave it empty for the latest one.", "revision")
    if problem == "name":
        return InvalidRequest(f"{repository!r} is no name of a repository.", "Write it as owner/name.", "repository")
    if problem == "status":
        return Unavailable(f"{host} answered {told.get('status')}.", "Try again later.")
    return Unavailable(f"{host} cannot be reached.", "Check the connection, then try again.")


def offers(listing: Listing) -> list[Offer]:
    """Whole diffusers folders first, then single files, the largest first."""
    found: list[Offer] = []
    short = listing.repository.rpartition("/")[2]
    inside = {file.path for file in listing.files}
    if INDEX in inside:
        parts = [file for file in listing.files if file.path == INDEX or file.path.count("/") == 1 and file.path.endswith((*SIDE, ".safetensors"))]
        weights = [file for file in parts if file.path.endswith(".safetensors")]
        variants = sorted({_variant(file) for file in weights})
        for variant in variants:
            taken = _chosen(weights, variant)
            if any(_variant(file) == variant for file in taken):
                small = [file for file in parts if not file.path.endswith(".safetensors") and (not VARIANT.search(file.name) or _variant(file) == variant)]
                name = f"{short}-{variant}" if variant else short
                found.append(Offer(f"folder:{variant}", name, (*small, *taken), True, variant))
    folders = {path.rpartition("/")[0] for path in inside if path.endswith(("/config.json",))} if INDEX in inside else set()
    singles = [file for file in listing.files if file.path.endswith(WEIGHTS) and file.path.rpartition("/")[0] not in folders and not _is_shard(file)]
    for file in sorted(singles, key=lambda file: -file.size):
        found.append(Offer(file.path, called(short, file.name), (file,)))
    return found


def called(repository: str, name: str) -> str:
    """A file's name, or the repository's where the file's says nothing."""
    stem, dot, ending = name.rpartition(".")
    return f"{repository}.{ending}" if VARIANT.sub("", stem + ".").rstrip(".") in USUAL else name


def _chosen(weights: Iterable[HubFile], variant: str) -> list[HubFile]:
    """Of each part the files of this variant, or of the plain one where a part lacks it."""
    by_part: dict[str, list[HubFile]] = {}
    for file in weights:
        by_part.setdefault(file.path.partition("/")[0], []).append(file)
    return [file for files in by_part.values() for file in ([one for one in files if _variant(one) == variant] or [one for one in files if not _variant(one)])]


def _variant(file: HubFile) -> str:
    found = VARIANT.search(file.name)
    return found[1] if found else ""


def _is_shard(file: HubFile) -> bool:
    return re.search(r"-\d{5}-of-\d{5}", file.name) is not None


def _harmless(path: str) -> bool:
    """A plain path inside the repository."""
    parts = PurePosixPath(path).parts
    return (
        bool(parts)
        and len(path) < 400
        and not path.startswith("/")
        and "\\" not in path
        and ":" not in path
        and all(part not in ("..", ".") and part.isprintable() for part in parts)
    )
