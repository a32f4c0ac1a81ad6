"""Single files of FLUX and Stable Diffusion 3, in every way in which they are kept, become the networks that a folder becomes, to the bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from modules.catalog.card import Card
from modules.core.errors import BadModelFile
from modules.families import FAMILIES_BY_NAME
from modules.families.family import Model
from modules.memory.placement import size_of
from modules.networks.lora import Wear, worn
from modules.networks.packed import Packed
from tests.networks import lora_files, tiny_joint


@pytest.fixture(scope="module")
def flux() -> dict[str, Any]:
    return tiny_joint.flux()


@pytest.fixture(scope="module")
def sd3() -> dict[str, Any]:
    return tiny_joint.sd3()


def card(path: Path, family: str, companions: Mapping[str, Path]) -> Card:
    beside = {role.replace("_", "-"): Card(path=place, name=place.stem) for role, place in companions.items()}
    return Card(path=path, name=path.stem, family=family, companions=beside)


def load(path: Path, family: str, **companions: Path) -> Model:
    return FAMILIES_BY_NAME[family].load(card(path, family, companions), "cpu", torch.float32)


@torch.inference_mode()
def answer(transformer: Any) -> Tensor:
    """What a tiny FLUX's makes of fixed inputs."""
    made: Tensor = transformer(
        hidden_states=lora_files.random(1, 16, 64, seed=1), encoder_hidden_states=lora_files.random(1, 8, tiny_joint.WORDS, seed=2),
        pooled_projections=lora_files.random(1, tiny_joint.POOLED, seed=3), timestep=torch.tensor([0.5]), guidance=torch.tensor([3.5]),
        img_ids=torch.zeros(16, 3), txt_ids=torch.zeros(8, 3), return_dict=False,
    )[0]  # fmt: skip
    return made


def lora(transformer: Any) -> dict[str, Tensor]:
    """On fused layers of the original code, and on one of ours."""
    found: dict[str, Tensor] = {}
    for seed, (base, rows, columns) in enumerate((("double_blocks_0_img_attn_qkv", 192, 64), ("single_blocks_1_linear1", 448, 64), ("img_in", 64, 64))):
        found |= {f"lora_unet_{base}.lora_down.weight": lora_files.random(2, columns, seed=seed)}
        found |= {f"lora_unet_{base}.lora_up.weight": lora_files.random(rows, 2, seed=seed + 9)}
    return found


def same(network: Any, other: Any) -> bool:
    own, theirs = network.state_dict(), other.state_dict()
    return set(own) == set(theirs) and all(torch.equal(tensor, theirs[name]) for name, tensor in own.items())


def saved(place: Path, tensors: dict[str, Tensor]) -> Path:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, place)
    return place


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_a_bundle_holds_everything(tmp_path: Path, family: str, request: pytest.FixtureRequest) -> None:
    parts = request.getfixturevalue(family)
    model = load(saved(tmp_path / "all.safetensors", tiny_joint.single_file(parts)), family)
    assert all(same(model.parts[name], network) for name, network in parts.items())
    assert (model.prediction, model.scale) == ("flow", pytest.approx(0.3611 if family == "flux" else 1.5305))
    assert model.flow is not None and model.flow.shift == (0.0 if family == "flux" else 3.0)


def test_a_transformer_alone_takes_its_companions(tmp_path: Path, flux: dict[str, Any]) -> None:
    files = {
        "clip_l": saved(tmp_path / "clip_l.safetensors", tiny_joint.encoder_tensors(flux["text_encoder"])),
        "t5": saved(tmp_path / "t5.safetensors", tiny_joint.encoder_tensors(flux["text_encoder_2"])),
        "vae": saved(tmp_path / "ae.safetensors", tiny_joint.vae_tensors(flux["vae"])),
    }
    path = saved(tmp_path / "alone.safetensors", tiny_joint.single_file(flux, bundle=False))
    model = load(path, "flux", **files)
    assert all(same(model.parts[name], network) for name, network in flux.items())
    plain = saved(tmp_path / "diffusers.safetensors", flux["transformer"].state_dict())
    assert same(load(plain, "flux", **files).parts["transformer"], flux["transformer"])
    with pytest.raises(BadModelFile, match="vae"):
        load(path, "flux", clip_l=files["clip_l"], t5=files["t5"])


def test_stable_diffusion_3_does_without_t5(tmp_path: Path, sd3: dict[str, Any]) -> None:
    tensors = {name: tensor for name, tensor in tiny_joint.single_file(sd3).items() if "t5xxl" not in name}
    model = load(saved(tmp_path / "three.safetensors", tensors), "sd3")
    assert "text_encoder_3" not in model.parts and same(model.parts["transformer"], sd3["transformer"])


def test_fp8_with_scales_is_unpacked(tmp_path: Path, flux: dict[str, Any]) -> None:
    tensors = tiny_joint.single_file(flux)
    name = "model.diffusion_model.double_blocks.0.img_attn.qkv.weight"
    kept = (tensors[name] / 0.25).to(torch.float8_e4m3fn)
    packed = {
        **tensors,
        name: kept,
        name.replace(".weight", ".scale_weight"): torch.tensor(0.25),
        "model.diffusion_model.scaled_fp8": torch.zeros(2).to(torch.float8_e4m3fn),
    }
    model = load(saved(tmp_path / "fp8.safetensors", packed), "flux")
    attention = model.parts["transformer"].transformer_blocks[0].attn
    assert torch.equal(torch.cat([one.bare() for one in (attention.to_q, attention.to_k, attention.to_v)]), kept.float() * 0.25)
    assert attention.to_q.weight.dtype is torch.int8 and isinstance(attention.add_q_proj, nn.Linear) and not isinstance(attention.add_q_proj, Packed)


NF4 = torch.tensor([-1.0, -0.6962, -0.5251, -0.3949, -0.2844, -0.1848, -0.0911, 0.0, 0.0796, 0.1609, 0.2461, 0.3379, 0.4407, 0.5626, 0.723, 1.0])


def four_bits(name: str, tensor: Tensor, block: int = 64) -> tuple[dict[str, Tensor], Tensor]:
    """-> (what bitsandbytes keeps of a tensor, the numbers that come back)."""
    rows = tensor.reshape(-1, block)
    largest = rows.abs().amax(1)
    codes = ((rows / largest[:, None])[..., None] - NF4).abs().argmin(-1).reshape(-1)
    state = json.dumps({"quant_type": "nf4", "blocksize": block, "dtype": "bfloat16", "shape": list(tensor.shape)}).encode()
    kept = {
        name: ((codes[::2] << 4) | codes[1::2]).to(torch.uint8)[:, None],
        f"{name}.absmax": largest,
        f"{name}.quant_map": NF4,
        f"{name}.quant_state.bitsandbytes__nf4": torch.frombuffer(bytearray(state), dtype=torch.uint8).clone(),
    }
    return kept, (NF4[codes].reshape(-1, block) * largest[:, None]).reshape(tensor.shape)


def test_four_bits_are_unpacked(tmp_path: Path, flux: dict[str, Any]) -> None:
    tensors = tiny_joint.single_file(flux)
    name = "model.diffusion_model.double_blocks.1.txt_attn.qkv.weight"
    kept, back = four_bits(name, tensors.pop(name))
    model = load(saved(tmp_path / "nf4.safetensors", {**tensors, **kept}), "flux")
    assert torch.equal(model.parts["transformer"].transformer_blocks[1].attn.add_k_proj.bare(), back[64:128])
    broken = {**tensors, **kept, f"{name}.absmax": kept[f"{name}.absmax"][:5]}
    with pytest.raises(BadModelFile, match="four-bit"):
        load(saved(tmp_path / "broken.safetensors", broken), "flux")


def test_gguf_is_unpacked(tmp_path: Path, flux: dict[str, Any]) -> None:
    place = tmp_path / "q8.gguf"
    tensors = tiny_joint.single_file(flux, bundle=False)
    back = tiny_joint.save_gguf(place, tensors, gguf.GGMLQuantizationType.Q8_0)
    bundle = tiny_joint.single_file(flux)
    inside = {"vae.": "vae", "text_encoders.clip_l.transformer.": "clip_l", "text_encoders.t5xxl.transformer.": "t5"}
    files = {}
    for prefix, role in inside.items():
        files[role] = saved(tmp_path / f"{role}.safetensors", {name.removeprefix(prefix): tensor for name, tensor in bundle.items() if name.startswith(prefix)})
    transformer = load(place, "flux", **files).parts["transformer"]
    assert torch.equal(transformer.x_embedder.bare(), back["img_in.weight"]) and not torch.equal(back["img_in.weight"], tensors["img_in.weight"])
    plain = load(saved(tmp_path / "plain.safetensors", back), "flux", **files).parts["transformer"]
    assert torch.equal(answer(transformer), answer(plain)) and size_of(transformer) < 0.4 * size_of(plain)
    adapter = Wear(lora_files.save(tmp_path / "lora.safetensors", lora(transformer)), "x")
    with worn({"transformer": transformer}, [adapter]) as (fit,), worn({"transformer": plain}, [adapter]):
        assert fit.applied == fit.tensors and torch.equal(answer(transformer), answer(plain))
    wide = FAMILIES_BY_NAME["flux"].load(card(place, "flux", files), "cpu", torch.float32, storage="fp8").parts["transformer"]
    assert same(wide, plain), "what is to be kept in fp8 is read as numbers first"
    place.write_bytes(place.read_bytes()[:1000])
    with pytest.raises(BadModelFile, match="GGUF"):
        load(place, "flux", **files)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_text_encoders_stay_in_the_bits_of_their_files(tmp_path: Path, flux: dict[str, Any], dtype: torch.dtype) -> None:
    """fp8 as CLIP's and T5's files have it; what they make of a text is what plain numbers make of it."""
    eight, plain = {}, {}
    for role, part in (("clip_l", "text_encoder"), ("t5", "text_encoder_2")):
        tensors = tiny_joint.encoder_tensors(flux[part])
        few = {name: tensor.to(torch.float8_e4m3fn) if tensor.dim() == 2 else tensor for name, tensor in tensors.items()}
        eight[role] = saved(tmp_path / f"{role}_8.safetensors", few)
        plain[role] = saved(tmp_path / f"{role}.safetensors", {name: tensor.float() for name, tensor in few.items()})
    vae = saved(tmp_path / "ae.safetensors", tiny_joint.vae_tensors(flux["vae"]))
    path = saved(tmp_path / "alone.safetensors", tiny_joint.single_file(flux, bundle=False))
    made = []
    for files in (eight, plain):
        model = FAMILIES_BY_NAME["flux"].load(card(path, "flux", {**files, "vae": vae}), "cpu", dtype)
        with torch.inference_mode():
            states = [model.parts[part](input_ids=torch.arange(77)[None] + 300).last_hidden_state for part in ("text_encoder", "text_encoder_2")]
        few_bits = [sum(isinstance(layer, Packed) for layer in model.parts[part].modules()) for part in ("text_encoder", "text_encoder_2")]
        made.append((states, few_bits))
    assert all(map(torch.equal, made[0][0], made[1][0]))
    assert min(made[0][1]) > 10 and made[1][1] == [0, 0]
