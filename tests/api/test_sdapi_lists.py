"""Lists that clients fetch, in A1111's shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from modules.api.models import command_line
from modules.core.options import Options, ServeOptions
from modules.core.paths import Paths
from modules.core.records.upscalers import LATENT_UPSCALERS
from modules.engine.sweeps import SWEEPS
from modules.networks import ldm_names
from tests.api.conftest import Server
from tests.networks import tiny


def fetched(server: Server, name: str) -> Any:
    reply = server.client.get(f"/sdapi/v1/{name}")
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_samplers_and_schedulers(steady: Server) -> None:
    samplers = {row["name"]: row for row in fetched(steady, "samplers")}
    assert samplers["DPM++ 2M SDE Heun"] == {
        "name": "DPM++ 2M SDE Heun",
        "aliases": ["k_dpmpp_2m_sde_heun"],
        "options": {"scheduler": "exponential", "brownian_noise": "True", "solver_type": "heun"},
    }
    schedulers = {row["name"]: row for row in fetched(steady, "schedulers")}
    assert schedulers["sgm_uniform"] == {
        "name": "sgm_uniform",
        "label": "SGM Uniform",
        "aliases": ["SGMUniform"],
        "default_rho": -1.0,
        "need_inner_model": True,
    }
    assert schedulers["karras"]["default_rho"] == 7.0


def test_checkpoints(steady: Server) -> None:
    models = {row["model_name"]: row for row in fetched(steady, "sd-models")}
    assert {"one", "two"} <= set(models)
    assert set(models["one"]) == {"title", "model_name", "hash", "sha256", "filename", "config"}
    assert models["one"]["filename"].endswith("one.safetensors")


def test_upscalers_begin_with_none(steady: Server) -> None:
    rows = fetched(steady, "upscalers")
    assert [row["name"] for row in rows] == ["None", "Lanczos", "Nearest"]
    assert set(rows[0]) == {"name", "model_name", "model_path", "model_url", "scale"}
    assert [row["name"] for row in fetched(steady, "latent-upscale-modes")] == list(LATENT_UPSCALERS)


def test_scripts_by_tab(steady: Server) -> None:
    names = fetched(steady, "scripts")
    assert {"prompt matrix", "prompts from file or textbox", "x/y/z plot", "controlnet"} == set(names["txt2img"])
    assert set(names["img2img"]) == {"loopback", "sd upscale", "outpainting mk2", "poor man's outpainting", "soft inpainting", *names["txt2img"]}
    assert all(name == name.lower() for tab in names.values() for name in tab)


def test_script_info_describes_each_place_of_the_arguments(steady: Server) -> None:
    rows = fetched(steady, "script-info")
    assert {(row["name"], row["is_img2img"]) for row in rows if not row["is_alwayson"]} == {
        (script.name.lower(), tab == "img2img") for script in SWEEPS for tab in script.tabs
    }
    for row in rows:
        assert all(set(argument) == {"label", "value", "minimum", "maximum", "step", "choices"} for argument in row["args"])
    told = {(row["name"], row["is_img2img"]): row["args"] for row in rows}
    assert len(told["x/y/z plot", False]) == 18
    assert told["sd upscale", True][1] == {"label": "Tile overlap", "value": 64, "minimum": 0, "maximum": 256, "step": 16, "choices": None}
    assert told["sd upscale", True][2]["choices"][:2] == ["None", "Lanczos"]
    soft = told["soft inpainting", True]
    assert [argument["value"] for argument in soft] == [False, 1, 0.5, 4, 0, 0.5, 2]
    assert soft[3] | {"minimum": 1, "maximum": 32, "step": 0.5} == soft[3]


@pytest.mark.parametrize("name", ["sd-vae", "hypernetworks", "face-restorers", "realesrgan-models"])
def test_what_is_not_built_is_an_empty_list(steady: Server, name: str) -> None:
    assert fetched(steady, name) == []


def test_vaes_are_listed_and_chosen(server: Server) -> None:
    path = server.app.paths.models / "VAE" / "film.safetensors"
    path.parent.mkdir()
    vae = tiny.parts(seed=5)[1]
    save_file({ldm_names.vae(name, 4).removeprefix(ldm_names.VAE): tensor.contiguous() for name, tensor in vae.state_dict().items()}, path)
    assert server.client.post("/sdapi/v1/refresh-vae").status_code == 200
    assert fetched(server, "sd-vae") == [{"model_name": "film.safetensors", "filename": str(path)}]
    body = {"prompt": "x", "steps": 1, "width": 64, "height": 64}
    for chosen in ("film.safetensors", "None", "Automatic"):
        answer = server.client.post("/sdapi/v1/txt2img", json={**body, "override_settings": {"sd_vae": chosen}})
        assert answer.status_code == 200, answer.text
        assert server.app.store.recent(1)[0].request.vae == chosen
    answer = server.client.post("/sdapi/v1/txt2img", json={**body, "override_settings": {"sd_vae": "flim"}})
    assert answer.status_code == 404 and "film" in answer.text


def test_extensions(steady: Server) -> None:
    (row,) = fetched(steady, "extensions")
    assert set(row) == {"name", "remote", "branch", "commit_hash", "version", "commit_date", "enabled"}
    assert (row["name"], row["enabled"]) == ("wildcards", True)


def test_styles(server: Server) -> None:
    assert fetched(server, "prompt-styles") == []
    server.app.paths.styles.write_text("name,prompt,negative_prompt\nfilm,film grain,cartoon\n")
    assert fetched(server, "prompt-styles") == [{"name": "film", "prompt": "film grain", "negative_prompt": "cartoon"}]


def test_a_styles_file_that_is_none_is_no_crash(server: Server) -> None:
    server.app.paths.styles.write_bytes(b"\xff\xfe\xff")
    reply = server.client.get("/sdapi/v1/prompt-styles")
    assert (reply.status_code, reply.json()["field"]) == (400, "styles")


def test_embeddings(server: Server) -> None:
    folder = server.app.paths.models / "embeddings"
    folder.mkdir(parents=True)
    save_file({"emb_params": torch.zeros(3, 768)}, folder / "pearish.safetensors")
    save_file({"emb_params": torch.zeros(2, 12)}, folder / "of-another-family.safetensors")
    (folder / "old.pt").write_bytes(b"a pickle")
    assert server.client.post("/sdapi/v1/refresh-embeddings").json() is None
    found = fetched(server, "embeddings")
    assert found["loaded"] == {"pearish": {"step": None, "sd_checkpoint": None, "sd_checkpoint_name": None, "shape": 768, "vectors": 3}}
    assert found["skipped"]["of-another-family"]["shape"] == 12
    assert "old" in found["skipped"]


def test_loras(server: Server) -> None:
    folder = server.app.paths.models / "Lora"
    folder.mkdir(parents=True)
    tensors = {"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": torch.zeros(4, 768)}
    tensors["lora_te_text_model_encoder_layers_0_mlp_fc1.lora_up.weight"] = torch.zeros(3072, 4)
    save_file(tensors, folder / "one.safetensors", {"ss_output_name": "two", "ss_tag_frequency": '{"a": {"b": 1}}', "odd": "{no table"})
    (folder / "broken.safetensors").write_bytes(b"nothing")
    assert fetched(server, "loras") == []
    assert server.client.post("/sdapi/v1/refresh-loras").json() is None
    metadata = {"ss_output_name": "two", "ss_tag_frequency": {"a": {"b": 1}}, "odd": "{no table"}
    assert fetched(server, "loras") == [{"name": "one", "alias": "two", "path": str((folder / "one.safetensors").resolve()), "metadata": metadata}]


@pytest.mark.parametrize("path", ["refresh-checkpoints", "refresh-vae", "refresh-embeddings", "refresh-loras"])
def test_refresh_looks_again(server: Server, path: str) -> None:
    folder = server.app.paths.models / "Stable-diffusion"
    fetched(server, "sd-models")
    (folder / "one.safetensors").rename(folder / "three.safetensors")
    reply = server.client.post(f"/sdapi/v1/{path}")
    assert (reply.status_code, reply.json()) == (200, None)
    names = {row["model_name"] for row in fetched(server, "sd-models")}
    assert "three" in names
    assert "one" not in names


def test_cmd_flags(server: Server) -> None:
    flags = fetched(server, "cmd-flags")
    assert flags["data_dir"] == str(server.app.paths.data)
    assert (flags["api_auth"], flags["api_server_stop"]) == (None, False)


def test_cmd_flags_say_that_there_are_logins_and_no_more(tmp_path: Path) -> None:
    flags = command_line(Options(paths=Paths(data=tmp_path), serve=ServeOptions(api_logins=(("ann", "secret-word"),), api_server_stop=True)))
    assert (flags["api_auth"], flags["api_server_stop"]) == ("set", True)
    assert "secret-word" not in str(flags)


def test_memory_is_told(steady: Server) -> None:
    told = fetched(steady, "memory")
    assert 0 < told["ram"]["used"] <= told["ram"]["total"]
    assert told["cuda"] == {"error": "unavailable"}
