"""What a full house costs on the page: 200 pictures in the gallery, 200 jobs before it, 1,000 checkpoints, 1,000 LoRAs and 1,000 styles, against an empty page.
Run: python benchmarks/page.py [ROUNDS]

Both pages are served at once and used in turn, in the same browser, so that whatever else the machine does meets both. Measured in the page itself: a
time begins with the key or the click and ends when the page has drawn what follows from it. Processor time is that of the page's main thread, until a moment
after; it holds on a machine that does other things, too. Needs tests/requirements.txt and a chromium.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import urllib.request
from collections import defaultdict
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(PROJECT))

from playwright.sync_api import Page  # noqa: E402

from tests.catalog.files import SD1, write  # noqa: E402
from tests.ui import page as at  # noqa: E402

PICTURES = 200
CARDS = 1000
REPEATED = 3
AFTER = 300
"""Milliseconds after a click that count as its work."""
TABS = ("img2img", "extras", "pnginfo", "models", "train", "queue", "settings", "extensions", "txt2img")
TYPED = "a small red house beside a lake "

WATCH = """() => {
    const drawn = (act) => requestAnimationFrame(() => { const { port1, port2 } = new MessageChannel(); port1.onmessage = () => act(performance.now()); port2.postMessage(0); });
    window.bench = { keys: [], work: [], drawn, step: 0, pressed: 0 };
    document.addEventListener('keydown', (event) => {
        if (event.key === 'Enter' && event.ctrlKey) { window.bench.pressed = event.timeStamp; return; }
        const began = event.timeStamp;
        setTimeout(() => window.bench.work.push(performance.now() - began));
        drawn((now) => window.bench.keys.push(now - began));
    }, true);
    const doing = document.querySelector('#txt2img_gallery .doing');
    new MutationObserver(() => {
        if (!window.bench.pressed || window.bench.step || !/step [1-9]/i.test(doing.textContent)) return;
        window.bench.step = -1;
        drawn((now) => { window.bench.step = now; });
    }).observe(doing, { childList: true, characterData: true, subtree: true });
}"""
SWITCH = """(name) => new Promise((done) => {
    const button = document.querySelector(`#tab_${name}-button`);
    const began = performance.now();
    button.click();
    const look = () => {
        const place = document.querySelector(`#tab_${name}`);
        if (button.getAttribute('aria-selected') === 'true' && (name === 'img2img' || place && place.offsetParent !== null && place.childElementCount)) window.bench.drawn((now) => done(now - began));
        else requestAnimationFrame(look);
    };
    look();
})"""
GONE_ON = "() => window.easel.jobs().every((job) => !['running', 'queued'].includes(job.state))"


def furnish(data: Path) -> None:
    """Checkpoints and LoRAs that are recognised by their headers, and styles. What is chosen stays the starter."""
    for number in range(CARDS):
        write(data / "models" / "Stable-diffusion" / f"{'abcdefghij'[number % 10]} folder" / f"model number {number:04}.safetensors", SD1, fill=number % 256)
    layer = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
    lora = {f"{layer}.lora_down.weight": (4, 768), f"{layer}.lora_up.weight": (640, 4)}
    for number in range(CARDS):
        write(data / "models" / "Lora" / f"{'abcdefghij'[number % 10]} folder" / f"lora number {number:04}.safetensors", lora, fill=number % 256)
    rows = "".join(f"style {number:04},a picture of kind {number},blurry\n" for number in range(CARDS))
    (data / "styles.csv").write_text(f"name,prompt,negative_prompt\n{rows}", "utf-8")
    settle(data)


def settle(data: Path) -> None:
    (data / "settings.yaml").write_text("sd_model_checkpoint: easel-starter\n", "utf-8")


def draw(address: str, count: int, steps: int = 1) -> None:
    """Makes pictures as one job, through the API."""
    wish = {"prompt": "a red apple", "steps": steps, "width": 64, "height": 64, "n_iter": count, "seed": 1, "save_images": True, "send_images": False}
    asked = urllib.request.Request(f"{address}/sdapi/v1/txt2img", json.dumps(wish).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(asked, timeout=600) as answer:
        answer.read()


class Times(dict[str, list[float]]):
    def __missing__(self, key: str) -> list[float]:
        self[key] = []
        return self[key]


def visit(browser: Any, address: str, full: str, times: Times) -> None:
    """One page: loaded, typed into, its tabs gone through, a picture made. full: the job whose pictures the gallery is to show, "" for none."""
    page: Page = browser.new_context(viewport={"width": 1400, "height": 900}).new_page()
    page.set_default_timeout(at.PATIENCE * 1000)
    probe = page.context.new_cdp_session(page)
    received: list[float] = []
    probe.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    probe.send("Network.enable")
    probe.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        """Milliseconds that the page's main thread has worked since it was there."""
        return next(1000 * float(one["value"]) for one in probe.send("Performance.getMetrics")["metrics"] if one["name"] == "TaskDuration")

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    at.ready(page)
    times["loaded and ready, ms"].append(page.evaluate("performance.now()"))
    page.wait_for_function("() => window.easel.jobs() !== null")
    page.wait_for_timeout(1500)
    if full:
        page.evaluate("(id) => window.easel.panels.txt2img.gallery.open({ id, state: 'done', made: 0 })", full)
        page.wait_for_function(f"() => document.querySelectorAll('#txt2img_gallery .easel-strip button').length === {PICTURES}")
        page.wait_for_timeout(500)
    times["kB received"].append(sum(received) / 1000)
    times["requests"].append(len([url for url in asked if "/easel/live" not in url]))
    times["DOM nodes"].append(page.evaluate("document.querySelectorAll('*').length"))
    times["kB of the document"].append(len(page.request.get(address).body()) / 1000)
    page.evaluate(WATCH)

    page.click("#txt2img_prompt textarea")
    asked.clear()
    for letter in TYPED:
        page.keyboard.press(letter)
    page.wait_for_function(f"() => window.bench.keys.length >= {len(TYPED)}")
    times["typing, key to drawn, ms"].append(statistics.median(page.evaluate("window.bench.keys")))
    times["typing, key to worked off, ms"].append(statistics.median(page.evaluate("window.bench.work")))
    times["requests to Gradio while typing"].append(len([url for url in asked if "/easel/" not in url]))

    again: dict[str, list[float]] = defaultdict(list)
    worked: dict[str, list[float]] = defaultdict(list)
    for turn in range(1 + REPEATED):
        for name in TABS:
            before = busy()
            took = page.evaluate(SWITCH, name)
            page.wait_for_timeout(AFTER)
            spent = busy() - before
            if turn:
                again[name].append(took)
                worked[name].append(spent)
            elif name != "txt2img":
                times[f"tab {name}, first, ms"].append(took)
                times[f"tab {name}, first, ms of the processor"].append(spent)
    for name in TABS:
        times[f"tab {name}, again, ms"].append(statistics.median(again[name]))
        times[f"tab {name}, again, ms of the processor"].append(statistics.median(worked[name]))

    page.fill("#txt2img_steps input[type=number]", "40")
    page.wait_for_timeout(AFTER)
    before = busy()
    page.locator("#txt2img_prompt textarea").press("Control+Enter")
    page.wait_for_function("() => window.bench.step > 0")
    times["Ctrl+Enter to the first step, ms of the processor"].append(busy() - before)
    times["Ctrl+Enter to the first step, ms"].append(page.evaluate("window.bench.step - window.bench.pressed"))
    page.wait_for_function(GONE_ON)
    page.context.close()


def told(empty: Times, full: Times) -> str:
    lines = ["| | empty | full | ratio, median | ratios, quartiles |", "| --- | --- | --- | --- | --- |"]
    for name, plain in empty.items():
        ratios = [two / one for one, two in zip(plain, full[name], strict=True) if one]
        spread = "–"
        if len(ratios) > 1:
            low, _, high = statistics.quantiles(ratios, n=4)
            spread = f"{low:.2f} to {high:.2f}"
        middle = f"{statistics.median(ratios):.2f}" if ratios else "–"
        lines.append(f"| {name} | {statistics.median(plain):.6g} | {statistics.median(full[name]):.6g} | {middle} | {spread} |")
    return "\n".join(lines)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    times: dict[str, Times] = defaultdict(Times)
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        furnish(Path(other))
        settle(Path(one))
        with at.serving(Path(one)) as empty, at.serving(Path(other)) as full, at.browsing() as browser:
            draw(empty, 1, 20)
            for _ in range(PICTURES):
                draw(full, 1)
            draw(full, PICTURES - 1)  # and their grid
            with urllib.request.urlopen(f"{full}/easel/live") as answer:
                job = next(job["id"] for job in json.load(answer)["jobs"] if job["made"] == PICTURES)
            for number in range(rounds + 1):  # the first round warms caches and is not counted
                for name, address, shown in sorted([("empty", empty, ""), ("full", full, job)], reverse=bool(number % 2)):
                    visit(browser, address, shown, times[name] if number else Times())
                print(f"round {number} of {rounds}", file=sys.stderr, flush=True)
    print(told(times["empty"], times["full"]))


if __name__ == "__main__":
    main()
