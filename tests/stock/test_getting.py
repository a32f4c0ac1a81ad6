"""Models fetched from a stand-in of the hub and from addresses: whole or not at all, gone on with, checked, cancelled, and nothing asked that may not be."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from modules.core.errors import EaselError, InvalidRequest, NotFound, OutputTrouble, Unavailable, Unsupported
from modules.core.options import Options
from modules.stock import hub as hubs
from modules.stock.download import Web
from modules.stock.getting import FromAddress, FromHub, Getting
from modules.stock.hub import HubFile, Listing, named, offers
from modules.stock.tasks import Task
from tests.catalog import files
from tests.stock.conftest import House
from tests.stock.standin import COMMIT, REPOSITORY, Hub

Over = Callable[[Task], Task]


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    weights = files.write(
        tmp_path / "made.safetensors", {"lora_unet_x.lora_down.weight": (64, 4096), "lora_unet_x.lora_up.weight": (64, 64)}, fill=7
    ).read_bytes()
    found = Hub({"watercolour.safetensors": weights, "README.md": b"#", "old.bin": b"\x80\x02", "broken.safetensors": b"<html>" * 100})
    yield found
    found.close()


@pytest.fixture
def getting(house: House, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Getting:
    monkeypatch.setenv("HF_TOKEN", "")
    monkeypatch.setenv("HF_HOME", str(house.paths.data / "hf"))
    options = Options(paths=house.paths, hub=hub.address)
    return Getting(house.library, house.tasks, options, Web(pauses=(0.0,)))


@pytest.fixture
def near(getting: Getting) -> Getting:
    """The same where private addresses may be asked, and without the child process: its answer is remembered."""
    getting._web = replace(getting._web, allowed=lambda address: True)
    return getting


def listed(getting: Getting, hub: Hub) -> None:
    """As after a look, without the child process."""
    found = tuple(HubFile(path, len(data), hashlib.sha256(data).hexdigest()) for path, data in hub.files.items())
    getting._seen[REPOSITORY, ""] = Listing(REPOSITORY, COMMIT, hub.address, found)


def lora(house: House) -> Path:
    return house.models / "Lora" / "watercolour.safetensors"


def test_the_hub_is_asked_and_a_file_arrives(getting: Getting, hub: Hub, house: House, over: Over) -> None:
    told = getting.look(f"{hub.address}/{REPOSITORY}/tree/main")
    assert (told["repository"], told["revision"], told["licence"], told["group"]) == (REPOSITORY, COMMIT, "cc0-1.0", "lora")
    assert [offer["id"] for offer in told["offers"]] == ["watercolour.safetensors", "broken.safetensors"], "no pickle is offered"
    task = over(getting.from_hub(FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora")))
    assert task.state == "done", task.error
    assert lora(house).read_bytes() == hub.files["watercolour.safetensors"]
    assert house.stock.card(task.made).name == "watercolour" and [path.name for path in lora(house).parent.iterdir()] == ["watercolour.safetensors"]
    with pytest.raises(OutputTrouble, match="already"):
        getting.from_hub(FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora"))
    with pytest.raises(NotFound):
        getting.from_hub(FromHub(repository=REPOSITORY, offer="../../etc/passwd"))


def test_a_broken_connection_is_gone_on_with(getting: Getting, hub: Hub, house: House, over: Over) -> None:
    listed(getting, hub)
    hub.cuts = 3
    assert over(getting.from_hub(FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora"))).state == "done"
    assert lora(house).read_bytes() == hub.files["watercolour.safetensors"]
    ranges = [headers.get("range") for path, headers in hub.asked if path.endswith("watercolour.safetensors")]
    assert len(ranges) == 4 and ranges[0] is None and all(ranges[1:]), "each attempt asks only for the rest"


def test_a_cancelled_one_is_not_listed_and_gone_on_with_or_thrown_away(getting: Getting, hub: Hub, house: House, over: Over) -> None:
    listed(getting, hub)
    hub.gate.clear()
    wish = FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora")
    task = getting.from_hub(wish)
    while not task.share and task.state in ("waiting", "running"):
        time.sleep(0.01)
    assert 0 < task.share < 1
    house.tasks.cancel(task.id)
    assert over(task).state == "cancelled", "also while the hub is silent"
    hub.gate.set()
    assert not lora(house).exists() and task.as_dict()["left"]
    kept = [path for path in lora(house).parent.iterdir() if path.suffix == ".part"]
    assert len(kept) == 1 and kept[0].stat().st_size > 0
    house.library.refresh()
    assert all(row["group"] != "lora" for row in house.stock.rows())
    hub.asked.clear()
    assert over(getting.from_hub(wish)).state == "done" and hub.asked[0][1]["range"].startswith("bytes=")
    lora(house).unlink()

    hub.gate.clear()
    task = getting.from_hub(wish)
    while not task.share and task.state in ("waiting", "running"):
        time.sleep(0.01)
    house.tasks.cancel(task.id)
    hub.gate.set()
    over(task)
    house.tasks.discard(task.id)
    assert list(lora(house).parent.iterdir()) == []


def test_what_is_not_what_was_announced_is_deleted(getting: Getting, hub: Hub, house: House, over: Over) -> None:
    listed(getting, hub)
    data = hub.files["watercolour.safetensors"]
    hub.wrong["watercolour.safetensors"] = data[:-1] + b"x"
    task = over(getting.from_hub(FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora")))
    assert task.state == "failed" and task.error and "sha256" in task.error["detail"]
    hub.wrong["watercolour.safetensors"] = data + b"x"
    task = over(getting.from_hub(FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora")))
    assert task.state == "failed" and task.error and "instead of the announced" in task.error["detail"]
    task = over(getting.from_hub(FromHub(repository=REPOSITORY, offer="broken.safetensors", group="lora")))
    assert task.state == "failed" and task.error and "web page" in task.error["detail"]
    assert [path for path in lora(house).parent.iterdir() if path.suffix == ".safetensors"] == []


def test_a_diffusers_folder_is_listed_only_when_whole(getting: Getting, hub: Hub, house: House, over: Over) -> None:
    weights = hub.files["watercolour.safetensors"]
    hub.files = {
        "model_index.json": b'{"_class_name": "StableDiffusionPipeline"}',
        "unet/config.json": b"{}",
        "unet/diffusion_pytorch_model.safetensors": weights,
        "unet/diffusion_pytorch_model.fp16.safetensors": weights,
        "vae/config.json": b"{}",
        "vae/diffusion_pytorch_model.safetensors": weights,
        "unet/diffusion_pytorch_model.bin": b"\x80",
        "whole.safetensors": weights,
    }
    listed(getting, hub)
    assert [(offer.id, offer.name, len(offer.files)) for offer in offers(getting._seen[REPOSITORY, ""])] == [
        ("folder:", "watercolour", 5),
        ("folder:fp16", "watercolour-fp16", 5),
        ("whole.safetensors", "whole.safetensors", 1),
    ]
    hub.cuts = 1
    task = over(getting.from_hub(FromHub(repository=REPOSITORY, offer="folder:fp16")))
    assert task.state == "done", task.error
    place = house.models / "Stable-diffusion" / "watercolour-fp16"
    assert sorted(path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()) == [
        "model_index.json",
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/config.json",
        "vae/diffusion_pytorch_model.safetensors",
    ]


def test_the_token_goes_to_the_hub_alone(getting: Getting, hub: Hub, house: House, over: Over, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.token = "hf_secret"
    with pytest.raises(NotFound):
        getting.look(REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert getting.look(REPOSITORY)["login"]
    other = Hub(hub.files)
    try:
        hub.moved["watercolour.safetensors"] = other.url("watercolour.safetensors")
        wish = FromHub(repository=REPOSITORY, offer="watercolour.safetensors", group="lora")
        task = over(getting.from_hub(wish))
        assert task.state == "failed" and task.error and "public address" in task.error["detail"], "a redirect into the own network is not followed"
        getting._web = replace(getting._web, allowed=lambda address: True)
        assert over(getting.from_hub(wish)).state == "done"
        assert all("authorization" not in headers for _, headers in other.asked) and "hf_secret" not in repr(getting._seen)
    finally:
        other.close()


def test_what_the_hub_refuses_is_explained(getting: Getting, hub: Hub) -> None:
    hub.gated = True
    with pytest.raises(Unsupported, match="accepted its terms"):
        getting.look(REPOSITORY)
    hub.gated = False
    with pytest.raises(NotFound, match="no revision"):
        getting.look(REPOSITORY, "nowhere")
    hub.close()
    with pytest.raises(Unavailable):
        getting.look("ann/other")


def test_an_address_is_fetched_with_its_hash_and_pickles_only_when_asked_for(near: Getting, hub: Hub, house: House, over: Over) -> None:
    data = hub.files["watercolour.safetensors"]
    digest = hashlib.sha256(data).hexdigest()
    task = over(near.from_address(FromAddress(url=hub.url("watercolour.safetensors") + "?key=1", group="lora", name="mine", sha256=digest.upper())))
    assert task.state == "done" and (lora(house).parent / "mine.safetensors").read_bytes() == data
    task = over(near.from_address(FromAddress(url=hub.url("watercolour.safetensors"), group="lora", sha256="0" * 64)))
    assert task.state == "failed"
    with pytest.raises(InvalidRequest, match="pickle"):
        near.from_address(FromAddress(url=hub.url("old.bin"), group="embedding"))
    assert over(near.from_address(FromAddress(url=hub.url("old.bin"), group="embedding", pickles=True))).state == "done"
    task = over(near.from_address(FromAddress(url=hub.url("none.safetensors"), group="lora")))
    assert task.state == "failed" and task.error and "404" in task.error["detail"]


@pytest.mark.parametrize(
    "url",
    ["ftp://a/b.safetensors", "file:///etc/passwd", "http://user:pw@host/x.safetensors", "http://127.0.0.1:1/x", "nothing", "", "http://[::1", "https://h/a b"],
)
def test_other_addresses_are_refused(getting: Getting, over: Over, url: str) -> None:
    try:
        task = over(getting.from_address(FromAddress(url=url)))
    except EaselError:
        return
    assert task.state == "failed" and task.error and "public address" in task.error["detail"]


def test_names_of_repositories() -> None:
    assert named("ann/x", "v1") == ("ann/x", "v1")
    assert named("https://hub.example/ann/x/blob/main/a.safetensors") == ("ann/x", "main")
    for wrong in ("", "a/b/c", "../x", "ann/..", "a b", "-x/y"):
        with pytest.raises(InvalidRequest):
            named(wrong)
    with pytest.raises(InvalidRequest):
        named("ann/x", "../../y")


def test_offers_have_names_that_say_something() -> None:
    listing = Listing(
        "ann/fox-lora",
        "c",
        "http://h",
        (HubFile("pytorch_lora_weights.safetensors", 5), HubFile("fox.safetensors", 9), HubFile("m-00001-of-00002.safetensors", 9)),
    )
    assert [offer.name for offer in offers(listing)] == ["fox.safetensors", "fox-lora.safetensors"]
    assert "token" not in repr(replace(listing, token="secret")) and not hubs._harmless("a/../b") and hubs._harmless("a/b.json")
