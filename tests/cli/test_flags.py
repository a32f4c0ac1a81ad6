"""Words of a command line become options; what cannot be understood is said in one line that helps."""

from __future__ import annotations

from pathlib import Path

import pytest

from modules.cli import command_of
from modules.cli.a1111 import WITHOUT_MEANING
from modules.cli.flags import folded, options_of, serve_parser
from modules.cli.parser import BadWords
from modules.core.options import Options
from modules.core.paths import PROJECT


def options(*words: str) -> Options:
    return options_of(serve_parser().read(folded(words)))


def test_without_flags_everything_is_as_declared() -> None:
    assert options() == Options()


def test_flags_that_serve() -> None:
    serve = options(
        "--port", "7870", "--listen", "--server-name", "10.0.0.5", "--share", "--gradio-auth", "ann:se:cret, bob:b", "--api-auth", "prog:ram", "--nowebui",
        "--autolaunch", "--theme", "dark", "--subpath", "easel/", "--cors-allow-origins", "https://a.example/,http://b", "--allowed-hosts", "paint.example",
    ).serve  # fmt: skip
    assert (serve.port, serve.listen, serve.server_name, serve.share, serve.nowebui, serve.autolaunch, serve.api) == (
        7870,
        True,
        "10.0.0.5",
        True,
        True,
        True,
        True,
    )
    assert serve.logins == (("ann", "se:cret"), ("bob", "b"))
    assert serve.api_logins == (("prog", "ram"),)
    assert (serve.theme, serve.subpath, serve.allowed_hosts) == ("dark", "/easel", ("paint.example",))
    assert serve.cors_origins == ("https://a.example", "http://b")


def test_the_api_can_be_left_out_but_not_with_the_page() -> None:
    assert not options("--no-api").serve.api
    assert options("--no-api", "--nowebui").serve.api


def test_the_api_may_end_the_server_only_where_that_was_said() -> None:
    assert not options().serve.api_server_stop
    assert options("--api-server-stop").serve.api_server_stop


def test_logins_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "logins"
    file.write_text("ann:1\nbob:2,cy:3\n")
    assert options("--gradio-auth-path", str(file)).serve.logins == (("ann", "1"), ("bob", "2"), ("cy", "3"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--use-cpu", "all"], "cpu"),
        (["--use-cpu", "interrogate", "gfpgan"], "auto"),
        (["--use-cpu", "gfpgan", "sd", "--medvram"], "cpu"),
        (["--device-id", "1"], "cuda:1"),
        (["--device", "mps"], "mps"),
        ([], "auto"),
    ],
)
def test_devices(words: list[str], expected: str) -> None:
    assert options(*words).device.device == expected


def test_words_after_use_cpu_do_not_swallow_a_prompt() -> None:
    assert folded(["--use-cpu", "all", "a cat"]) == ["--use-cpu", "all", "a cat"]
    assert folded(["--use-cpu", "sd", "interrogate", "a cat"]) == ["--use-cpu", "sd,interrogate", "a cat"]
    assert folded(["all", "sd"]) == ["all", "sd"]


@pytest.mark.parametrize(
    ("words", "placement", "no_half", "attention"),
    [
        (["--medvram"], "medvram", False, "sdpa"),
        (["--lowvram", "--medvram"], "lowvram", False, "sdpa"),
        (["--no-half"], "auto", True, "sdpa"),
        (["--precision", "full"], "auto", True, "sdpa"),
        (["--precision", "autocast"], "auto", False, "sdpa"),
        (["--opt-split-attention"], "auto", False, "split"),
        (["--opt-sub-quad-attention"], "auto", False, "split"),
        (["--attention-slicing"], "auto", False, "slices"),
        (["--opt-sdp-attention"], "auto", False, "sdpa"),
        (["--xformers"], "auto", False, "xformers"),
        (["--attention", "sage"], "auto", False, "sage"),
        (["--placement", "group"], "group", False, "sdpa"),
        (["--placement", "encoders", "--medvram"], "medvram", False, "sdpa"),
    ],
)
def test_memory(words: list[str], placement: str, no_half: bool, attention: str) -> None:
    device = options(*words).device
    assert (device.placement, device.no_half, device.attention) == (placement, no_half, attention)


def test_medvram_for_sdxl_alone() -> None:
    device = options("--medvram-sdxl").device
    assert [device.placement_of(family) for family in ("sd1", "sdxl", "sdxl-refiner", "flux")] == ["auto", "medvram", "medvram", "auto"]
    assert options("--medvram-sdxl", "--lowvram").device.placement_of("sdxl") == "lowvram"
    assert options().device.placement_of("sdxl") == "auto"


def test_folders(tmp_path: Path) -> None:
    paths = options("--data-dir", str(tmp_path), "--ckpt-dir", str(tmp_path / "a"), "--ckpt-dir", str(tmp_path / "b")).paths
    assert (paths.data, paths.models, paths.outputs) == (tmp_path, tmp_path / "models", tmp_path / "outputs")
    assert paths.checkpoints == (tmp_path / "a", tmp_path / "b")
    assert paths.checkpoint_folders()[-1] == PROJECT / "models" / "Stable-diffusion", "the starter model is found whatever the flags say"
    assert options("--models-dir", str(tmp_path)).paths.models == tmp_path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--prot", "1"], "no flag --prot. Near it: --port"),
        (["--medvam"], "Near it: --medvram"),
        (["--port", "70000"], "--port = '70000' is not usable. Give a whole number from 1 to 65535"),
        (["--port", "-1"], "--port"),
        (["--port", "٣"], "--port = '٣' is not usable"),
        (["--port"], "--port"),
        (["--gradio-auth", "ann"], "holds 'ann' without a password"),
        (["--gradio-auth-path", "/no/such/file"], "/no/such/file cannot be read"),
        (["--tls-keyfile", "x"], "both --tls-keyfile and --tls-certfile"),
        (["--tls-keyfile", "/no/key", "--tls-certfile", "/no/cert"], "there is no file /no/key"),
        (["--data-dir", __file__], "is a file, but a folder is needed"),
        (["--data-dir", "a\0b"], "no usable path"),
        (["--theme", "pink"], "choose from"),
        (["stray"], "one word too many"),
        (["--sha"], "no flag --sha"),
        (["--threads", "many"], "--threads = 'many'"),
    ],
)
def test_bad_words_are_explained(words: list[str], said: str) -> None:
    with pytest.raises(BadWords) as caught:
        options(*words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_known_flags_without_meaning_warn_once_and_do_not_stop(capsys: pytest.CaptureFixture[str]) -> None:
    assert options("--upcast-sampling", "--upcast-sampling", "--vae-path", "/vae", "--port", "7", "--skip-torch-cuda-test").serve.port == 7
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(" is ")[0] for line in lines] == ["warning: --upcast-sampling", "warning: --skip-torch-cuda-test", "warning: --vae-path"]


@pytest.mark.parametrize("flag", WITHOUT_MEANING, ids=lambda flag: flag.name)
def test_each_of_them_is_taken(flag: tuple[str, str, bool]) -> None:
    name, reason, takes = flag
    words = [name, "value"] if takes else [name]
    assert options(*words, "--listen").serve.listen
    assert not reason.endswith(".")


def test_no_flag_is_known_twice() -> None:
    names = [flag.name for flag in WITHOUT_MEANING]
    assert len(names) == len(set(names))
    assert not set(names) & set(serve_parser()._option_string_actions)


@pytest.mark.parametrize(
    ("words", "command"),
    [([], "serve"), (["--port", "1"], "serve"), (["serve", "--port", "1"], "serve"), (["generate", "x"], "generate"), (["doctor"], "doctor")],
)
def test_commands(words: list[str], command: str) -> None:
    assert command_of(words)[0] == command


def test_an_unknown_command_gets_the_nearest() -> None:
    with pytest.raises(BadWords, match="no command 'genrate'. Near it: generate"):
        command_of(["genrate"])


def test_a1111_s_folders_of_upscalers_and_faces(tmp_path: Path) -> None:
    paths = options("--esrgan-models-path", str(tmp_path / "a"), "--upscalers-dir", str(tmp_path / "b"), "--gfpgan-models-path", str(tmp_path)).paths
    assert paths.upscalers == (tmp_path / "a", tmp_path / "b") and paths.faces == (tmp_path,)
    assert paths.upscaler_folders()[:3] == (tmp_path / "a", tmp_path / "b", paths.models / "ESRGAN")
