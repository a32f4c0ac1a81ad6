"""What pictures of several tools say they were made with."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modules.infotext.files import Found
from modules.infotext.needs import Need, needs

A1111 = """a fox <lora:moss:0.8> <lora:unnamed:1>
Negative prompt: <lyco:bad:1>
Steps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 64x64, Model hash: 81761151aa, Model: sub/fox, VAE hash: 735e4c3a44, VAE: kl.ckpt, Lora hashes: "moss: 0123456789ab, old: ffff00001111", TI hashes: "bad-hands: aabbccddeeff", ControlNet 0: "Module: canny, Model: control_canny [d14c016b], Weight: 1", Refiner: turn [99aabbccdd], Hires checkpoint: Use same checkpoint, Version: v1.10.1"""


def found(text: str = "", **chunks: object) -> Found:
    return Found(parameters=text, chunks={name: value if isinstance(value, str) else json.dumps(value) for name, value in chunks.items()})


def test_a1111s_text() -> None:
    assert needs(found(A1111)) == [
        Need("checkpoint", "fox", "81761151aa"),
        Need("checkpoint", "turn", "99aabbccdd"),
        Need("vae", "kl", "735e4c3a44"),
        Need("lora", "moss", "0123456789ab"),
        Need("lora", "old", "ffff00001111"),
        Need("embedding", "bad-hands", "aabbccddeeff"),
        Need("control", "control_canny", "d14c016b"),
        Need("lora", "unnamed"),
        Need("lora", "bad"),
    ]


def test_an_old_hash_and_civitais_table() -> None:
    text = 'x\nSteps: 9, Seed: 1, Sampler: Euler, Model hash: 81761151, AddNet Module 1: LoRA, AddNet Model 1: fur(0a1b2c3d4e5f), Hashes: {"model": "81761151ff", "lora:moss": "0123456789", "embed:e": "1111111111"}'
    assert needs(found(text)) == [
        Need("checkpoint", "", "81761151ff"),
        Need("lora", "moss", "0123456789"),
        Need("embedding", "e", "1111111111"),
        Need("lora", "fur", "0a1b2c3d4e5f"),
    ]


@pytest.mark.parametrize(
    ("chunks", "wanted"),
    [
        (
            {"invokeai_metadata": {"model": {"name": "fox", "hash": "blake3:" + "a" * 64, "base": "sd-1", "type": "main"}, "loras": [{"model": {"name": "moss", "hash": "blake3:" + "b" * 64}, "weight": 1}], "vae": None}},
            [Need("checkpoint", "fox", "a" * 64), Need("lora", "moss", "b" * 64)],
        ),
        ({"parameters": {"sui_image_params": {"model": "Flux/dev"}, "sui_models": [{"name": "Flux/dev.safetensors", "param": "model", "hash": "0x" + "c" * 64}]}}, [Need("checkpoint", "dev", "c" * 64)]),
        ({"parameters": {"base_model": "fox.safetensors", "base_model_hash": "abcdef0123", "loras": [["moss.safetensors", 0.5, "0123456789"]], "steps": 3}}, [Need("checkpoint", "fox.safetensors".removesuffix(".safetensors"), "abcdef0123"), Need("lora", "moss", "0123456789")]),
        ({"prompt": {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd/fox.safetensors"}}, "5": {"class_type": "LoraLoader", "inputs": {"lora_name": "moss.safetensors"}}}}, [Need("checkpoint", "fox"), Need("lora", "moss")]),
    ],
    ids=["invokeai", "swarm", "fooocus", "comfy"],
)  # fmt: skip
def test_other_tools(chunks: dict[str, object], wanted: list[Need]) -> None:
    assert needs(Found(chunks={name: json.dumps(value) for name, value in chunks.items()})) == wanted


def test_easels_own_document() -> None:
    document = {
        "request": {
            "model": "fox",
            "model_hash": "a" * 64,
            "loras": {"moss": "b" * 64},
            "embeddings": {"e": "c" * 64},
            "refiner": {"checkpoint": "", "checkpoint_hash": ""},
        }
    }
    assert needs(Found(document=document)) == [Need("checkpoint", "fox", "a" * 64), Need("lora", "moss", "b" * 64), Need("embedding", "e", "c" * 64)]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["model", "loras", "hash", "name", "x"]) | st.text(), inner),
    )
)
def test_nothing_raises(tree: object) -> None:
    needs(found("x", prompt=json.dumps(tree)))
    needs(Found(document={"request": tree}))


def test_a_hostile_file_is_bounded() -> None:
    assert len(needs(found(prompt=[{"ckpt_name": f"{number}.safetensors"} for number in range(10_000)]))) <= 100
    needs(found(prompt="[" * 900 + "]" * 900))
