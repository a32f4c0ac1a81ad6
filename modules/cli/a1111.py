"""Flags that people bring from AUTOMATIC1111 and that mean nothing here. They warn and do not stop the start.

Source: the names in its documentation of command line arguments.
"""

from __future__ import annotations

from typing import NamedTuple


class Ignored(NamedTuple):
    """takes: whether a value follows the flag. reason: completes "--x is ignored: "."""

    name: str
    reason: str
    takes: bool = False


_ATTENTION = "--attention chooses how attention is computed, and its kernels choose their own sizes"
_AUTOMATIC = "there is nothing to switch off or on"
_LATER = "Easel does not have what it is about"
_LAUNCH = "launch.py checks what is installed in milliseconds"
_FOLDERS = "put the files into the folder of that kind under --models-dir"
_NEVER_FETCHED = "Easel never fetches anything but packages"

WITHOUT_MEANING: tuple[Ignored, ...] = (
    *(Ignored(name, _ATTENTION) for name in (
        "--xformers-flash-attention", "--reinstall-xformers", "--upcast-sampling")),
    *(Ignored(name, _ATTENTION, True) for name in ("--sub-quad-q-chunk-size", "--sub-quad-kv-chunk-size", "--sub-quad-chunk-threshold")),
    *(Ignored(name, _AUTOMATIC) for name in (
        "--lowram", "--disable-nan-check", "--no-hashing", "--no-half-controlnet", "--disable-safe-unpickle", "--skip-load-model-at-start", "--gradio-queue",
        "--no-gradio-queue", "--disable-model-loading-ram-optimization", "--unix-filenames-sanitization", "--disable-console-progressbars",
        "--enable-console-prompts", "--disable-extra-extensions", "--use-ipex", "--allow-code", "--administrator", "--use-textbox-seed")),
    *(Ignored(name, _AUTOMATIC, True) for name in ("--filenames-max-length", "--gradio-img2img-tool", "--gradio-inpaint-tool", "--gradio-allowed-path", "--timeout-keep-alive")),
    *(Ignored(name, _LAUNCH) for name in (
        "--skip-torch-cuda-test", "--skip-version-check", "--skip-python-version-check", "--skip-prepare-environment", "--reinstall-torch", "--update-check", "--test-server", "--log-startup",
        "--dump-sysinfo", "--exit", "--no-progressbar-hiding")),
    *(Ignored(name, _NEVER_FETCHED) for name in ("--no-download-sd-model", "--do-not-download-clip")),
    *(Ignored(name, _LATER) for name in (
        "--enable-insecure-extension-access", "--update-all-extensions", "--ui-debug-mode", "--gradio-debug", "--freeze-settings", "--freeze-settings-in-sections",
        "--hide-ui-dir-config", "--deepdanbooru", "--api-log", "--add-stop-route", "--disable-tls-verify")),
    *(Ignored(name, _LATER, True) for name in (
        "--ngrok", "--ngrok-region", "--localizations-dir", "--ui-config-file", "--ui-settings-file", "--config", "--loglevel", "--cors-allow-origins-regex",
        "--freeze-specific-settings", "--ngrok-options")),
    *(Ignored(name, _FOLDERS, True) for name in (
        "--vae-path", "--gfpgan-model", "--ldsr-models-path", "--clip-models-path")),
    Ignored("--ckpt", "choose the checkpoint in the page's menu or with generate --model; its folder with --ckpt-dir", True),
)  # fmt: skip
