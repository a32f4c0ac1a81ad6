"""A1111's API over a socket: real queue, real worker, real files; only the drawing is a painted surface."""

from __future__ import annotations

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from PIL import Image

from modules.core.errors import InvalidRequest, OutOfMemory
from modules.jobs.job import State
from tests.api.conftest import Server
from tests.api.painting import PREVIEW, colour

SMALL = {"prompt": "a pear", "width": 64, "height": 64, "steps": 2, "seed": 7}


def picture(data: str) -> Image.Image:
    image = Image.open(io.BytesIO(base64.b64decode(data)))
    image.load()
    return image


def draw(client: httpx.Client, **body: Any) -> dict[str, Any]:
    reply = client.post("/sdapi/v1/txt2img", json={**SMALL, **body})
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_picture_with_its_texts(steady: Server) -> None:
    reply = draw(steady.client, negative_prompt="grey")
    image = picture(reply["images"][0])
    info = json.loads(reply["info"])
    assert image.getpixel((0, 0)) == colour(7)
    assert image.info["parameters"] == info["infotexts"][0]
    assert info["infotexts"][0].startswith(
        "a pear\nNegative prompt: grey\nSteps: 2, Sampler: Euler, Schedule type: Automatic, CFG scale: 7.0, Seed: 7, Size: 64x64, Model hash: "
    )
    told = {
        "seed": 7,
        "all_seeds": [7],
        "sd_model_name": "one",
        "sampler_name": "Euler",
        "index_of_first_image": 0,
        "extra_generation_params": {},
        "clip_skip": 1,
    }
    assert told.items() <= info.items()
    assert reply["parameters"] | SMALL == reply["parameters"]


def test_every_picture_of_every_batch(steady: Server) -> None:
    reply = draw(steady.client, n_iter=2, batch_size=2)
    assert [picture(data).getpixel((0, 0)) for data in reply["images"]] == [colour(seed) for seed in (7, 8, 9, 10)]
    info = json.loads(reply["info"])
    assert info["all_seeds"] == [7, 8, 9, 10]
    assert info["all_subseeds"] == [-1, -1, -1, -1]


def test_extra_parameters_are_told_as_values(steady: Server) -> None:
    reply = draw(steady.client, sampler_name="DPM++ 2M", s_min_uncond=2.0, override_settings={"always_discard_next_to_last_sigma": True, "randn_source": "NV"})
    assert json.loads(reply["info"])["extra_generation_params"] == {"Schedule type": "Karras", "NGMS": 2.0, "Discard penultimate sigma": True}


@pytest.mark.parametrize("save", [False, True])
def test_saving_is_asked_for(server: Server, save: bool) -> None:
    draw(server.client, save_images=save)
    assert bool(list(server.app.paths.outputs.rglob("*.png"))) is save


def test_pictures_that_nobody_wants_sent_are_not_sent(steady: Server) -> None:
    assert draw(steady.client, send_images=False)["images"] == []


def test_sizes_that_are_no_multiple_of_eight_are_floored_and_kept_in_the_text(steady: Server) -> None:
    reply = draw(steady.client, width=100, height=68)
    assert picture(reply["images"][0]).size == (96, 64)
    assert "Size: 100x68" in json.loads(reply["info"])["infotexts"][0]


@pytest.mark.parametrize("authorization", ["", "Basic", "Basic bm9ib2R5Og==", "Bearer x"])
def test_an_authorization_that_nobody_asked_for_is_no_obstacle(steady: Server, authorization: str) -> None:
    assert steady.client.get("/sdapi/v1/options", headers={"authorization": authorization}).status_code == 200


def test_what_get_options_returns_is_taken_by_post(steady: Server) -> None:
    options = steady.client.get("/sdapi/v1/options").json()
    reply = steady.client.post("/sdapi/v1/options", json=options)
    assert (reply.status_code, reply.json()) == (200, None)
    assert steady.client.get("/sdapi/v1/options").json() == options
    assert steady.client.post("/sdapi/v1/options", json=dict.fromkeys(options)).status_code == 200


def test_the_model_is_switched_as_open_webui_does_it(server: Server) -> None:
    titles = [row["title"] for row in server.client.get("/sdapi/v1/sd-models").json()]
    other = next(title for title in titles if title.startswith("two"))
    options = server.client.get("/sdapi/v1/options").json()
    assert options["sd_model_checkpoint"].startswith("one.safetensors")
    assert server.client.post("/sdapi/v1/options", json={**options, "sd_model_checkpoint": other}).status_code == 200
    assert server.client.get("/sdapi/v1/options").json()["sd_model_checkpoint"].startswith("two.safetensors")
    assert json.loads(draw(server.client)["info"])["sd_model_name"] == "two"


def test_override_settings_are_for_one_job(server: Server) -> None:
    before = server.client.get("/sdapi/v1/options").json()
    body = {"sd_model_checkpoint": "two", "CLIP_stop_at_last_layers": 2}
    assert json.loads(draw(server.client, override_settings=body, override_settings_restore_afterwards=False)["info"])["sd_model_name"] == "two"
    after = server.client.get("/sdapi/v1/options").json()
    assert after["CLIP_stop_at_last_layers"] == before["CLIP_stop_at_last_layers"] == 1
    assert json.loads(draw(server.client)["info"])["sd_model_name"] == "one"


def test_an_option_that_is_not_usable_changes_nothing(server: Server) -> None:
    reply = server.client.post("/sdapi/v1/options", json={"randn_source": "NV", "CLIP_stop_at_last_layers": 99})
    assert (reply.status_code, reply.json()["field"]) == (400, "CLIP_stop_at_last_layers")
    assert server.client.get("/sdapi/v1/options").json()["randn_source"] == "GPU"


def test_an_unknown_model_is_answered_with_candidates(server: Server) -> None:
    reply = server.client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "onne"})
    assert reply.status_code == 404
    assert any(name.startswith("one") for name in reply.json()["candidates"])


def test_options_belong_to_a_login(guarded: Server) -> None:
    ann, bob = guarded.as_user("ann"), guarded.as_user("bob")
    assert ann.post("/sdapi/v1/options", json={"sd_model_checkpoint": "two", "randn_source": "NV"}).status_code == 200
    assert bob.get("/sdapi/v1/options").json()["randn_source"] == "GPU"
    assert json.loads(draw(bob)["info"])["sd_model_name"] == "one"
    assert json.loads(draw(ann)["info"])["sd_model_name"] == "two"


def test_options_are_taken_when_a_request_is_submitted(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(draw, server.client)
        server.until(lambda: len(server.app.queue.jobs()) == 1)
        second = pool.submit(draw, server.client)
        server.until(lambda: len(server.app.queue.jobs()) == 2)
        assert server.client.post("/sdapi/v1/options", json={"sd_model_checkpoint": "two"}).status_code == 200
        server.app.painter.gate.set()
        assert [json.loads(future.result()["info"])["sd_model_name"] for future in (first, second)] == ["one", "one"]


def test_progress_follows_the_job(server: Server) -> None:
    idle = server.client.get("/sdapi/v1/progress").json()
    assert (idle["progress"], idle["state"]["job_count"], idle["current_image"]) == (0.0, 0, None)
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(draw, server.client, steps=5, n_iter=2)
        server.until(lambda: any(server.app.queue.live(job.id).preview for job in server.app.queue.jobs()))
        running = server.client.get("/sdapi/v1/progress").json()
        assert 0 < running["progress"] < 1
        told = {"job": "scripts_txt2img", "job_count": 2, "job_no": 0, "sampling_step": 0, "sampling_steps": 5, "interrupted": False, "skipped": False}
        assert told.items() <= running["state"].items()
        assert base64.b64decode(running["current_image"]) == PREVIEW
        assert server.client.get("/sdapi/v1/progress?skip_current_image=true").json()["current_image"] is None
        server.app.painter.gate.set()
        assert len(reply.result()["images"]) == 2
    assert server.client.get("/sdapi/v1/progress").json() == idle


def test_interrupt_answers_the_waiting_request_with_what_there_is(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(draw, server.client, steps=50)
        server.until(lambda: any(job.state is State.RUNNING for job in server.app.queue.jobs()))
        assert server.client.post("/sdapi/v1/interrupt").json() == {}
        server.app.painter.gate.set()
        assert reply.result()["images"] == []
    assert server.client.get("/sdapi/v1/progress").json()["state"]["interrupted"] is True
    draw(server.client)
    assert server.client.post("/sdapi/v1/interrupt").json() == {}


def test_skip_leaves_one_picture(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        reply = pool.submit(draw, server.client, steps=5, n_iter=3)
        server.until(lambda: any(server.app.queue.live(job.id).preview for job in server.app.queue.jobs()))
        assert server.client.post("/sdapi/v1/skip").json() is None
        server.app.painter.gate.set()
        assert [picture(data).getpixel((0, 0)) for data in reply.result()["images"]] == [colour(8), colour(9)]


def test_one_login_neither_stops_nor_sees_the_others_job(guarded: Server) -> None:
    ann, bob = guarded.as_user("ann"), guarded.as_user("bob")
    guarded.app.painter.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        hers = pool.submit(draw, ann, steps=4)
        guarded.until(lambda: any(guarded.app.queue.live(job.id).preview for job in guarded.app.queue.jobs()))
        assert bob.get("/sdapi/v1/progress").json()["state"]["job_count"] == 0
        bob.post("/sdapi/v1/interrupt")
        his = pool.submit(draw, bob, steps=4)
        guarded.until(lambda: len(guarded.app.queue.jobs()) == 2)
        waiting = bob.get("/sdapi/v1/progress").json()
        assert (waiting["progress"], waiting["state"]["job_count"], waiting["current_image"]) == (0.0, 1, None)
        bob.post("/sdapi/v1/interrupt")
        assert his.result()["images"] == []
        guarded.app.painter.gate.set()
        assert len(hers.result()["images"]) == 1


def test_many_requests_at_once_each_get_their_own(steady: Server) -> None:
    with ThreadPoolExecutor(60) as pool:
        replies = list(pool.map(lambda seed: draw(steady.client, seed=seed, steps=1), range(60)))
    assert [picture(reply["images"][0]).getpixel((0, 0)) for reply in replies] == [colour(seed) for seed in range(60)]


def test_a_pending_request_does_not_hold_up_the_others(server: Server) -> None:
    server.app.painter.gate.clear()
    with ThreadPoolExecutor(30) as pool:
        replies = [pool.submit(draw, server.client, steps=1, seed=seed) for seed in range(30)]
        server.until(lambda: len(server.app.queue.jobs()) == 30)
        assert server.client.get("/sdapi/v1/sd-models").status_code == 200
        assert server.client.get("/internal/ping").json() == {}
        server.app.painter.gate.set()
        assert all(reply.result()["images"] for reply in replies)


def test_a_client_that_leaves_does_not_end_its_job(server: Server) -> None:
    server.app.painter.gate.clear()
    with pytest.raises(httpx.ReadTimeout):
        server.client.post("/sdapi/v1/txt2img", json=SMALL | {"save_images": True}, timeout=httpx.Timeout(60, read=0.5))
    server.app.painter.gate.set()
    server.until(lambda: not server.app.queue.jobs())
    assert server.app.store.recent(1)[0].state is State.DONE
    assert len(list(server.app.paths.outputs.rglob("*.png"))) == 1


def test_a_failed_job_is_answered_with_its_error(server: Server) -> None:
    server.app.painter.failure = OutOfMemory("The device ran out of memory at 64 x 64.", "Make the picture smaller.")
    reply = server.client.post("/sdapi/v1/txt2img", json=SMALL)
    assert reply.status_code == 507
    assert reply.json() == {
        "error": "OutOfMemory",
        "detail": "The device ran out of memory at 64 x 64.",
        "body": "",
        "errors": "The device ran out of memory at 64 x 64. Make the picture smaller.",
        "field": "",
        "remedy": "Make the picture smaller.",
    }


def test_an_error_of_the_engine_names_a1111s_field(server: Server) -> None:
    server.app.painter.failure = InvalidRequest("The second pass would be 99999 x 99999 pixels.", "Give a smaller scale.", "hires.scale")
    assert server.client.post("/sdapi/v1/txt2img", json=SMALL).json()["field"] == "hr_scale"


def test_a_request_of_sillytavern_leaves_no_secret_behind(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        reply = draw(server.client, url="http://127.0.0.1:7860", auth="ann:secret-word", scheduler="Automatic", restore_faces=False, enable_hr=False)
    assert "secret-word" not in json.dumps(reply)
    assert "secret-word" not in caplog.text
    assert "a pear" not in caplog.text
