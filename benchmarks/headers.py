"""How long model files take to be recognised and listed. Run: python benchmarks/headers.py [FILES] [FOLDER]

Per file: reading the header and saying what it is, of made-up files with the names and shapes of real architectures (the tests' own builders), and of the
files in FOLDER where one is given. Lists: FILES (2,000) files of the usual mixture, most of them LoRAs: the first time, at a second start with the
memory of the first, and again in the same process. No hash is computed; the files are sparse.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from modules.catalog import cards  # noqa: E402
from modules.catalog.hashes import HashCache  # noqa: E402
from modules.catalog.remembered import CardMemory  # noqa: E402
from modules.catalog.scan import Library  # noqa: E402
from modules.core.paths import Paths  # noqa: E402
from tests.catalog import architectures as make  # noqa: E402
from tests.catalog.files import raw, table  # noqa: E402


def sd_lora() -> make.Shapes:
    """As kohya's script writes it for Stable Diffusion 1: 192 layers of the UNet and 72 of the text encoder, three tensors each."""
    layers: dict[str, tuple[int, ...]] = {}
    for block in ("down_blocks_0", "down_blocks_1", "down_blocks_2", "up_blocks_1", "up_blocks_2", "up_blocks_3", "mid_block"):
        for number in range(1 if block == "mid_block" else 3 if block.startswith("up") else 2):
            at = f"{block}_attentions_{number}"
            layers |= {f"{at}_{part}": (320, 320) for part in ("proj_in", "proj_out")}
            for part in ("attn1_to_q", "attn1_to_k", "attn1_to_v", "attn1_to_out_0", "attn2_to_q", "attn2_to_out_0", "ff_net_0_proj", "ff_net_2"):
                layers[f"{at}_transformer_blocks_0_{part}"] = (320, 320)
            layers |= {f"{at}_transformer_blocks_0_attn2_to_{part}": (320, 768) for part in "kv"}
    text = {f"text_model_encoder_layers_{n}_{part}": (768, 768) for n in range(12) for part in ("q_proj", "k_proj", "v_proj", "out_proj", "mlp_fc1", "mlp_fc2")}
    return make.differences("lora_unet_", layers, "lora") | make.differences("lora_te_", text, "lora")


MIXTURE = (
    ("Lora", sd_lora, 0.6),
    ("Lora", lambda: make.differences("lora_unet_", make.sd_layers(2048, 240, "input_blocks_4_1", True), "lora"), 0.2),
    ("Stable-diffusion", make.sd1, 0.05),
    ("Stable-diffusion", make.sdxl, 0.05),
    ("embeddings", lambda: {"emb_params": (8, 768)}, 0.05),
    ("VAE", make.ldm_vae, 0.02),
    ("ControlNet", lambda: make.control_ldm(768), 0.03),
)


def write(path: Path, shapes: make.Shapes) -> None:
    rows, size = table(shapes)
    path.parent.mkdir(parents=True, exist_ok=True)
    data = raw(rows)
    with open(path, "wb") as file:
        file.write(data)
        file.truncate(len(data) + size)


def milliseconds(paths: list[Path]) -> list[float]:
    """Time of this process for each file's card, the best of three: what else the machine does counts little."""
    found = []
    for path in paths:
        rounds = []
        for _ in range(3):
            begun = time.process_time()
            cards.addition(path)
            rounds.append(1000 * (time.process_time() - begun))
        found.append(min(rounds))
    return sorted(found)


def told(what: str, found: list[float]) -> None:
    print(
        f"{what}: {len(found)} files, median {statistics.median(found):.2f} ms, 90 % under {found[int(0.9 * len(found))]:.1f} ms, longest {found[-1]:.1f} ms",
        flush=True,
    )


def listing(place: Path) -> None:
    paths = Paths(data=place / "data", models=place / "models")
    library = Library(paths, HashCache(paths.hash_cache), CardMemory(paths.card_cache))

    def again() -> None:
        library.refresh()
        library.files()

    timed("listed", library.files)
    timed("folders read again and listed", again)
    timed("listed again", library.files)


def timed(what: str, step: Callable[[], object]) -> None:
    wall, own = time.perf_counter(), time.process_time()
    step()
    print(f"  {what}: {1000 * (time.perf_counter() - wall):.0f} ms, of which this process computed {1000 * (time.process_time() - own):.0f} ms", flush=True)


def main(count: int, folder: Path | None) -> None:
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        builders = {f"{name}-{number}": build() for number, (name, build, _) in enumerate(MIXTURE)}
        print(", ".join(f"{name} {len(shapes)} tensors" for name, shapes in builders.items()))
        for number, (name, _, share) in enumerate(MIXTURE):
            for copy in range(round(share * count)):
                write(place / "models" / name / f"{number}-{copy}.safetensors", builders[f"{name}-{number}"])
        told("made-up files", milliseconds([next((place / "models" / name).glob(f"{number}-*")) for number, (name, *_) in enumerate(MIXTURE)]))
        if folder:
            told(
                folder.name,
                milliseconds(sorted(path for path in folder.rglob("*") if path.suffix in (".safetensors", ".gguf", ".pt", ".pth", ".ckpt", ".bin"))),
            )
        for words in ("the first time", "a second start"):
            print(f"{words}:", flush=True)
            subprocess.run([sys.executable, __file__, "--list", made], check=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--list"]:
        listing(Path(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, Path(sys.argv[2]) if len(sys.argv) > 2 else None)
