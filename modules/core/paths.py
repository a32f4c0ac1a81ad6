"""Where things lie. One frozen record, made once from the command line; nothing asks the environment later."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The checkout: launch.py, modules, and the models that come with it."""

UPSCALERS = ("ESRGAN", "RealESRGAN", "BSRGAN", "SwinIR", "DAT", "HAT", "ScuNET")
CHECKPOINTS = ("Stable-diffusion", "diffusers", "checkpoints", "unet", "diffusion_models")
FACES = ("GFPGAN", "Codeformer")
"""Folders under models, as A1111 names them."""

FURTHER = {
    "lora": ("Lora", "LyCORIS", "loras"),
    "vae": ("VAE", "vae"),
    "vae-approx": ("VAE-approx", "vae_approx", "VAE-taesd"),
    "controlnet": ("ControlNet", "controlnet", "t2i_adapter"),
    "ip-adapter": ("ipadapter", "ip-adapter", "IP-Adapter"),
    "clip-vision": ("clip_vision", "ControlNetPreprocessor"),
    "text-encoder": ("text_encoder", "text_encoders", "CLIP", "clip"),
    "hypernetwork": ("hypernetworks",),
}
"""What else is kept -> its folders under models, as A1111, Forge and ComfyUI name them. Which of them a file lies in says nothing of what it is."""


@dataclass(frozen=True, kw_only=True)
class Paths:
    """data: what the user owns (settings, styles, logs). outputs_dir: pictures and history, None for a folder in data. models: their A1111-named folders.
    checkpoints, embeddings, upscalers, faces: further folders from flags; others: those of the kinds of `FURTHER`. styles_files: in place of the one in data. more: further folders that hold models
    under A1111's names: an installation of it, or its models folder."""

    data: Path = PROJECT
    outputs_dir: Path | None = None
    more: tuple[Path, ...] = ()
    models: Path = PROJECT / "models"
    checkpoints: tuple[Path, ...] = ()
    embeddings: tuple[Path, ...] = ()
    upscalers: tuple[Path, ...] = ()
    faces: tuple[Path, ...] = ()
    others: Mapping[str, tuple[Path, ...]] = field(default_factory=dict)
    styles_files: tuple[Path, ...] = ()

    @property
    def outputs(self) -> Path:
        return self.outputs_dir or self.data / "outputs"

    @property
    def log(self) -> Path:
        """Copies that the Save button makes."""
        return self.data / "log"

    @property
    def last(self) -> Path:
        """The infotext of what was begun last, A1111's params.txt."""
        return self.data / "params.txt"

    @property
    def history(self) -> Path:
        return self.outputs / "history.db"

    @property
    def inputs(self) -> Path:
        """Start pictures and masks that requests refer to (`core.blobs`)."""
        return self.data / "inputs"

    @property
    def training(self) -> Path:
        """A folder for each training run: its recipe, curve, samples and checkpoints; and what frozen networks made of the pictures."""
        return self.data / "training"

    @property
    def datasets(self) -> Path:
        """Pictures that were brought to train on, a folder for each set of them."""
        return self.data / "datasets"

    @property
    def styles(self) -> Path:
        """Where a new style goes."""
        return self.all_styles[0]

    @property
    def all_styles(self) -> tuple[Path, ...]:
        return self.styles_files or (self.data / "styles.csv",)

    @property
    def localizations(self) -> Path:
        """The user's own translations of the page."""
        return self.data / "localizations"

    @property
    def settings(self) -> Path:
        return self.data / "settings.yaml"

    @property
    def form_defaults(self) -> Path:
        """What the page's forms start with."""
        return self.data / "ui-config.json"

    @property
    def adoptions(self) -> Path:
        """What was taken over from A1111, so that it can be taken back."""
        return self.data / "a1111-import.json"

    @property
    def hash_cache(self) -> Path:
        return self.data / "cache" / "hashes.db"

    @property
    def favourites(self) -> Path:
        """Ids of the models that a person marked as favourites."""
        return self.data / "model-favourites.json"

    @property
    def card_cache(self) -> Path:
        """What headers of model files said."""
        return self.data / "cache" / "cards.db"

    @property
    def converted(self) -> Path:
        """Pickles converted to safetensors, by the hash of the pickle."""
        return self.data / "cache" / "converted"

    @property
    def extensions(self) -> tuple[Path, ...]:
        """Folders of extensions, the user's own first. Python in them is executed."""
        return tuple(dict.fromkeys(folder.resolve() for folder in (self.data / "extensions", PROJECT / "extensions")))

    def checkpoint_folders(self) -> tuple[Path, ...]:
        """Where checkpoints are looked for, the user's own first; the project's folder last, for the starter model is in it whatever the flags say."""
        own = (*self.checkpoints, *self._within(*CHECKPOINTS), PROJECT / "models" / "Stable-diffusion")
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def embedding_folders(self) -> tuple[Path, ...]:
        """models/embeddings, and A1111's own place beside models."""
        own = (*self.embeddings, *self._within("embeddings"), self.data / "embeddings", PROJECT / "models" / "embeddings")
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def upscaler_folders(self) -> tuple[Path, ...]:
        own = (*self.upscalers, *self._within(*UPSCALERS))
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def face_folders(self) -> tuple[Path, ...]:
        """Face restorers, and the networks that find faces for them."""
        own = (*self.faces, *self._within(*FACES))
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def further_folders(self, kind: str) -> tuple[Path, ...]:
        """Those of one kind of `FURTHER`; of control networks also where A1111's extension keeps its own."""
        extension = Path("extensions") / "sd-webui-controlnet" / "models"
        extensions = (root / extension for root in (self.data, *self.more)) if kind == "controlnet" else ()
        own = (*self.others.get(kind, ()), *self._within(*FURTHER[kind]), *extensions)
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def annotator_folders(self) -> tuple[Path, ...]:
        """Networks that make control maps; also where A1111's extension and Forge keep their own."""
        extension = Path("extensions") / "sd-webui-controlnet" / "annotator" / "downloads"
        own = (*self._within("annotators", "ControlNetPreprocessor"), *(root / extension for root in (self.data, *self.more)))
        return tuple(dict.fromkeys(folder.resolve() for folder in own))

    def written(self) -> tuple[Path, ...]:
        """Where files are written that take a while: of a killed process something may lie there that nobody needs (`core.files.sweep`)."""
        models = (*self.checkpoint_folders(), *self.embedding_folders(), *self.upscaler_folders(), *self.face_folders(), *self.annotator_folders())
        further = (folder for kind in FURTHER for folder in self.further_folders(kind))
        return tuple(dict.fromkeys((self.outputs, self.training, self.datasets, self.inputs, self.converted, *models, *further)))

    def with_more(self, folders: Iterable[str]) -> Paths:
        """The same, with these further folders."""
        return replace(self, more=tuple(map(Path, folders)))

    def _within(self, *names: str) -> tuple[Path, ...]:
        """These folders in our models folder, then in each further one."""
        roots = (self.models, *(root for more in self.more for root in (more / "models", more)))
        return tuple(root / name for root in roots for name in names)
