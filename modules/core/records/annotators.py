"""The preprocessors of control pictures: what each is called, which numbers it takes, and which kind of control reads its map. No torch, no pixels.

Names are those of A1111's ControlNet extension, so that its texts and its clients are understood. Learned ones act where the user has their network; a map
that another learned one made is given ready-made, with "none".
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from modules.core.registry import Registry


@dataclass(frozen=True)
class Dial:
    """A number that a preprocessor takes."""

    label: str
    value: float
    minimum: float
    maximum: float
    step: float


@dataclass(frozen=True, kw_only=True)
class AnnotatorRecord:
    """tags: control types that it belongs to (A1111's menu). dials: at most two, `threshold_a` and `threshold_b`. sized: whether the resolution matters.
    masked: reads the mask, too. networks: the kinds of network of which one makes the map (`catalog.annotators`), the usual one first; () where none does.
    file: the published one, for those that are a single file."""

    name: str
    aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    dials: tuple[Dial, ...] = ()
    sized: bool = True
    masked: bool = False
    networks: tuple[str, ...] = ()
    file: str = ""
    hint: str = ""


ANNOTATORS: Registry[AnnotatorRecord] = Registry(
    "preprocessor",
    "module",
    [
        AnnotatorRecord(name="none", aliases=("None",), sized=False, hint="The picture as it is: a map made elsewhere."),
        AnnotatorRecord(
            name="canny",
            tags=("Canny",),
            dials=(Dial("Low threshold", 100, 1, 255, 1), Dial("High threshold", 200, 1, 255, 1)),
            hint="Edges, one pixel wide (Canny 1986).",
        ),
        AnnotatorRecord(
            name="depth_midas",
            aliases=("depth",),
            tags=("Depth",),
            networks=("dpt",),
            hint="How near things are, by a DPT network (MiDaS 3, Ranftl et al. 2021).",
        ),
        AnnotatorRecord(
            name="depth_anything",
            aliases=("depth_anything_v2",),
            tags=("Depth",),
            networks=("depth_anything",),
            hint="How near things are, by a Depth Anything network (Yang et al. 2024).",
        ),
        AnnotatorRecord(
            name="lineart_standard (from white bg & black line)",
            aliases=("lineart_standard",),
            tags=("Lineart",),
            hint="Lines that are darker than what surrounds them.",
        ),
        AnnotatorRecord(
            name="lineart_realistic",
            aliases=("lineart",),
            tags=("Lineart",),
            networks=("lineart",),
            file="sk_model.pth",
            hint="A line drawing of a photograph, by a network (Chan et al. 2022).",
        ),
        AnnotatorRecord(
            name="lineart_coarse",
            tags=("Lineart",),
            networks=("lineart-coarse",),
            file="sk_model2.pth",
            hint="The same with fewer and bolder lines.",
        ),
        AnnotatorRecord(
            name="invert (from white bg & black line)",
            aliases=("invert",),
            tags=("Canny", "Lineart", "Scribble", "MLSD"),
            hint="A drawing on white, turned into white lines on black.",
        ),
        AnnotatorRecord(
            name="softedge_pidinet",
            aliases=("pidinet",),
            tags=("SoftEdge",),
            networks=("pidinet",),
            file="table5_pidinet.pth",
            hint="Soft edges by differences of pixels, learned (PiDiNet, Su et al. 2021).",
        ),
        AnnotatorRecord(
            name="softedge_pidisafe",
            aliases=("pidinet_safe",),
            tags=("SoftEdge",),
            networks=("pidinet",),
            file="table5_pidinet.pth",
            hint="The same in three steps of grey, in which no picture hides.",
        ),
        AnnotatorRecord(
            name="softedge_hed",
            aliases=("hed",),
            tags=("SoftEdge",),
            networks=("hed",),
            file="ControlNetHED.pth",
            hint="Soft edges at several scales, learned (HED, Xie & Tu 2015).",
        ),
        AnnotatorRecord(
            name="softedge_hedsafe",
            aliases=("hed_safe",),
            tags=("SoftEdge",),
            networks=("hed",),
            file="ControlNetHED.pth",
            hint="The same in three steps of grey, in which no picture hides.",
        ),
        AnnotatorRecord(
            name="scribble_pidinet",
            aliases=("pidinet_scribble",),
            tags=("Scribble",),
            networks=("pidinet",),
            file="table5_pidinet.pth",
            hint="Strokes along the soft edges that PiDiNet finds.",
        ),
        AnnotatorRecord(
            name="scribble_hed",
            tags=("Scribble",),
            networks=("hed",),
            file="ControlNetHED.pth",
            hint="Strokes along the soft edges that HED finds.",
        ),
        AnnotatorRecord(
            name="scribble_xdog",
            tags=("Scribble",),
            dials=(Dial("XDoG threshold", 32, 1, 64, 1),),
            hint="Broad strokes by differences of blurs (Winnemöller et al. 2012).",
        ),
        AnnotatorRecord(
            name="threshold", tags=("Scribble",), dials=(Dial("Binarization threshold", 127, 0, 255, 1),), hint="White where the picture is brighter than this."
        ),
        AnnotatorRecord(
            name="openpose",
            tags=("OpenPose",),
            networks=("openpose-body", "vitpose"),
            file="body_pose_model.pth",
            hint="Everybody's skeleton, without hands and face (Cao et al. 2017); by a ViTPose folder that of one person who fills the picture.",
        ),
        AnnotatorRecord(
            name="seg_ofade20k",
            aliases=("oneformer_ade20k",),
            tags=("Segmentation",),
            networks=("oneformer", "mask2former"),
            hint="What each part of the picture is, in the colours of ADE20K, by OneFormer or Mask2Former.",
        ),
        AnnotatorRecord(
            name="seg_ufade20k",
            aliases=("segmentation",),
            tags=("Segmentation",),
            networks=("upernet", "segformer"),
            hint="The same by UPerNet or SegFormer.",
        ),
        AnnotatorRecord(
            name="tile_resample",
            tags=("Tile",),
            dials=(Dial("Down sampling rate", 1, 1, 8, 0.01),),
            sized=False,
            hint="The picture itself, made smaller first: its details are drawn anew.",
        ),
        AnnotatorRecord(name="blur_gaussian", tags=("Tile",), dials=(Dial("Sigma", 9, 0.01, 64, 0.01),), hint="Out of focus."),
        AnnotatorRecord(
            name="inpaint_only",
            aliases=("inpaint",),
            tags=("Inpaint",),
            sized=False,
            masked=True,
            hint="The picture without what the mask marks, for an inpainting ControlNet.",
        ),
        AnnotatorRecord(
            name="inpaint_global_harmonious", tags=("Inpaint",), sized=False, masked=True, hint="The same; what lies outside of the mask may change with it."
        ),
        AnnotatorRecord(name="shuffle", tags=("Shuffle",), hint="The picture stirred: its colours and textures without its places."),
        AnnotatorRecord(
            name="recolor_luminance", tags=("Recolor",), dials=(Dial("Gamma correction", 1, 0.1, 2, 0.001),), hint="Without colours, as bright as it looks."
        ),
        AnnotatorRecord(
            name="recolor_intensity",
            tags=("Recolor",),
            dials=(Dial("Gamma correction", 1, 0.1, 2, 0.001),),
            hint="Without colours, as strong as its strongest.",
        ),
        AnnotatorRecord(
            name="t2ia_sketch_pidi",
            aliases=("pidinet_sketch",),
            tags=("T2I-Adapter",),
            networks=("pidinet",),
            file="table5_pidinet.pth",
            hint="The edges that PiDiNet is sure of, black or white, for a sketch adapter.",
        ),
        AnnotatorRecord(name="t2ia_color_grid", tags=("T2I-Adapter",), hint="A coarse grid of its colours."),
        AnnotatorRecord(
            name="ip-adapter-auto",
            aliases=("ip-adapter_clip_sd15", "ip-adapter_clip_h", "ip-adapter_clip_g", "ip-adapter_clip_sdxl", "ip-adapter_clip_sdxl_plus_vith"),
            tags=("IP-Adapter",),
            sized=False,
            hint="For an IP-Adapter: the picture goes to the image encoder as it is.",
        ),
    ],
)

LEARNED = (
    "depth", "normal", "openpose", "dw_openpose", "animal_openpose", "densepose", "seg", "mlsd", "softedge", "hed", "pidinet", "teed", "lineart", "scribble_",
    "mediapipe", "lama", "reference", "revision", "clip_vision", "t2ia_style", "t2ia_sketch", "facexlib", "face_id", "instant_id", "mobile_sam",
    "anime_face_segment", "photomaker", "oneformer",
)  # fmt: skip
"""How the names of preprocessors begin that need weights or another method; those of them that no record has are not here."""


def is_learned(name: str) -> bool:
    return name.strip().lower().startswith(LEARNED) and ANNOTATORS.find(name) is None


def usable(record: AnnotatorRecord, networks: Collection[str]) -> bool:
    """networks: the kinds of those that are here."""
    return not record.networks or any(kind in networks for kind in record.networks)


def dial(record: AnnotatorRecord, place: int, value: float) -> float:
    """The number that acts: within its limits, the preprocessor's own where none was given; -1 where it takes none."""
    if place >= len(record.dials):
        return -1.0
    known = record.dials[place]
    return float(known.value if value < 0 else min(max(value, known.minimum), known.maximum))
