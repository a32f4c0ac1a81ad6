"""How finished pictures become files: format, names, folders, what is written beside them. Place and looks, never pixels.

Declared under A1111's names, in its sections, and part of the settings (`core.settings`). The engine that saves sees this record alone; a job may carry
other values for itself. Paths are relative: to the outputs folder, or to the log folder for copies of the Save button.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import PurePosixPath
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict

from modules.core.errors import InvalidRequest
from modules.core.params import STRICT, Param

Format = Literal["png", "jpg", "webp", "avif"]
PATTERN = 400
"""Characters of a pattern."""
FOLDER = 300
"""Characters of a folder's name."""


@dataclass(frozen=True, kw_only=True)
class SavingImages:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Saving images/grids"
    samples_save: Annotated[bool, Param("Always save all generated images", hint="Off: pictures are shown, and kept only if you save them.")] = True
    samples_format: Annotated[
        Format,
        Param("File format for images", hint="png keeps every pixel. The others are smaller; jpg and avif, and webp unless lossless, change pixels a little."),
    ] = "png"
    samples_filename_pattern: Annotated[
        str,
        Param(
            "Images filename pattern",
            max_length=PATTERN,
            hint="For example [seed]-[prompt_words]. Empty: [seed], with the prompt where there are no subfolders.",
        ),
    ] = ""
    save_images_add_number: Annotated[bool, Param("Add number to filename when saving", hint="00001-, counted per folder. Off: a taken name gets -1, -2 …")] = (
        True
    )
    grid_save: Annotated[bool, Param("Always save all generated image grids", hint="An overview of all pictures of one click, and the grids of scripts.")] = (
        True
    )
    grid_format: Annotated[Format, Param("File format for grids", hint="As for images.")] = "png"
    grid_extended_filename: Annotated[bool, Param("Add extended info to filename when saving grid", hint="The images' pattern behind grid-0001-.")] = False
    grid_only_if_multiple: Annotated[bool, Param("Do not save grids consisting of one picture", hint="Acts on the overview of a click.")] = True
    grid_prevent_empty_spots: Annotated[bool, Param("Prevent empty spots in grid", hint="Where the rows are counted by themselves.")] = False
    grid_background_color: Annotated[str, Param("Background color in image grid", max_length=7, hint="As #rrggbb.")] = "#ffffff"
    n_rows: Annotated[int, Param("Grid row count", -1, 16, 1, hint="-1: by itself. 0: as many as the batch has pictures.")] = -1
    enable_pnginfo: Annotated[
        bool, Param("Write infotext to metadata of the generated image", hint="Off: the file says nothing of its making, and cannot be made again from itself.")
    ] = True
    save_txt: Annotated[bool, Param("Create a text file with infotext next to every generated image", hint="00001-1234.txt beside 00001-1234.png.")] = False
    jpeg_quality: Annotated[int, Param("Quality for saved jpeg and avif images", 1, 100, 1, hint="Also of webp that is not lossless.")] = 80
    webp_lossless: Annotated[bool, Param("Use lossless compression for webp images", hint="Keeps every pixel.")] = False
    save_incomplete_images: Annotated[bool, Param("Save incomplete images", hint="Also what an interrupt or a skip left unfinished.")] = False
    save_write_log_csv: Annotated[bool, Param('Write log.csv when saving images using "Save" button', hint="In the folder of the Save button.")] = True


@dataclass(frozen=True, kw_only=True)
class SavingPaths:
    """Relative names with forward slashes; see `place`."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Paths for saving"
    outdir_samples: Annotated[
        str, Param("Output directory for images", max_length=FOLDER, hint="Below the outputs folder. Empty: the three folders below.")
    ] = ""
    outdir_txt2img_samples: Annotated[str, Param("Output directory for txt2img images", max_length=FOLDER, hint="Below the outputs folder.")] = (
        "outputs/txt2img-images"
    )
    outdir_img2img_samples: Annotated[str, Param("Output directory for img2img images", max_length=FOLDER, hint="Below the outputs folder.")] = (
        "outputs/img2img-images"
    )
    outdir_extras_samples: Annotated[str, Param("Output directory for images from extras tab", max_length=FOLDER, hint="Below the outputs folder.")] = (
        "outputs/extras-images"
    )
    outdir_grids: Annotated[str, Param("Output directory for grids", max_length=FOLDER, hint="Below the outputs folder. Empty: the two folders below.")] = ""
    outdir_txt2img_grids: Annotated[str, Param("Output directory for txt2img grids", max_length=FOLDER, hint="Below the outputs folder.")] = (
        "outputs/txt2img-grids"
    )
    outdir_img2img_grids: Annotated[str, Param("Output directory for img2img grids", max_length=FOLDER, hint="Below the outputs folder.")] = (
        "outputs/img2img-grids"
    )
    outdir_save: Annotated[str, Param("Directory for saving images using the Save button", max_length=FOLDER, hint="Below the log folder.")] = "log/images"


PATHS = tuple(path.name for path in fields(SavingPaths))


@dataclass(frozen=True, kw_only=True)
class SavingDirectories:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Saving to a directory"
    save_to_dirs: Annotated[bool, Param("Save images to a subdirectory", hint="Named by the pattern below.")] = True
    grid_save_to_dirs: Annotated[bool, Param("Save grids to a subdirectory", hint="Named by the pattern below.")] = True
    use_save_to_dirs_for_ui: Annotated[bool, Param('When using "Save" button, save images to a subdirectory', hint="Named by the pattern below.")] = False
    directories_filename_pattern: Annotated[
        str, Param("Directory name pattern", max_length=PATTERN, hint="For example [date] or [model_name]/[date]; a slash makes a folder within.")
    ] = "[date]"
    directories_max_prompt_words: Annotated[int, Param("Max prompt words for [prompt_words] pattern", 1, 20, 1, hint="Those behind are left out.")] = 8


@dataclass(frozen=True, kw_only=True)
class Gallery:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    SECTION: ClassVar[str] = "Gallery"
    return_grid: Annotated[
        bool, Param("Show grid in gallery", hint="The overview of all pictures of one click, before them. The strip below shows them all anyway.")
    ] = False


@dataclass(frozen=True, kw_only=True)
class Saving(SavingImages, SavingPaths, SavingDirectories, Gallery):
    """All of it. Raises InvalidRequest for a folder that would lead out of its root, and for a colour that is none."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    def __post_init__(self) -> None:
        for name in PATHS:
            place(getattr(self, name), name)
        if not re.fullmatch("#[0-9a-fA-F]{6}", self.grid_background_color):
            what = f"grid_background_color = {self.grid_background_color!r} is no colour."
            raise InvalidRequest(what, "Write it as #rrggbb, for example #ffffff.", "grid_background_color")

    def folder(self, kind: str) -> PurePosixPath:
        """kind: "txt2img-images", "img2img-grids", "extras-images" ... -> where its files go, below the root of outputs."""
        tab, _, what = kind.partition("-")
        everything = self.outdir_grids if what == "grids" else self.outdir_samples
        own = getattr(self, f"outdir_{tab}_{'grids' if what == 'grids' else 'samples'}", "")
        return place(everything if everything and tab != "extras" else own or kind)


def place(text: str, field: str = "") -> PurePosixPath:
    """A folder setting as a relative path without its root's own name ("outputs/", "log/", which A1111 writes). Raises InvalidRequest."""
    text = text.strip().replace("\\", "/")
    parts = [part.strip() for part in text.split("/") if part.strip() not in ("", ".")]
    if text.startswith(("/", "~")) or ".." in parts or any(ord(letter) < 32 or letter in '<>:"|?*' for letter in text) or any(p.endswith(".") for p in parts):
        what = f"{field or 'The folder'} = {text[:80]!r} is not usable."
        raise InvalidRequest(what, "Name a folder below the outputs folder, for example portraits. --outputs-dir moves that folder itself.", field)
    if parts and parts[0] in ("outputs", "output", "log"):
        parts = parts[1:]
    return PurePosixPath(*parts)
