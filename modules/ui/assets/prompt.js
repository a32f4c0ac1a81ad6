// The prompt boxes: token counters, pictures and texts dropped or pasted on them, the small buttons that only change boxes; and keeping the form over a reload.
"use strict";
(() => {
    const easel = window.easel;
    const PAUSE = 400;
    const box = (id) => document.querySelector(`#${id} textarea, #${id} input`);
    easel.box = box;

    // Token counters: asked for when typing pauses, for both prompts in one request. Typing itself sends nothing.
    let pause = 0;
    let asked = "";
    const model = () => (box("setting_sd_model_checkpoint") || {}).value || "";
    const count = async () => {
        const texts = ["txt2img_prompt", "txt2img_neg_prompt"].map((id) => (box(id) || {}).value || "");
        const wanted = JSON.stringify([model(), texts]);
        if (wanted === asked) return;
        asked = wanted;
        const counted = async (some) => (await easel.ask("tokens", { model: model(), texts: some })).counts.map((count) => count.join("/"));
        // The server refuses a text that is too long; asked for each by itself, the other one still gets its count.
        const refused = (error) => {
            if (error.status !== 400) throw error;
            return ["too long"];
        };
        try {
            const counts = await counted(texts).catch(async (error) => {
                refused(error);
                return (await Promise.all(texts.map((text) => counted([text]).catch(refused)))).flat();
            });
            if (asked !== wanted) return;
            ["txt2img_token_counter", "txt2img_negative_token_counter"].forEach((id, index) => {
                const place = document.querySelector(`#${id} .counter`);
                if (place && counts[index]) place.textContent = counts[index];
            });
        } catch {
            asked = "";
        }
    };
    easel.countSoon = () => {
        clearTimeout(pause);
        pause = setTimeout(count, PAUSE);
    };
    document.addEventListener("input", (event) => {
        if (event.target.closest && event.target.closest(".easel-prompt")) {
            easel.countSoon();
            keepPrompts();
        }
    });
    easel.when(".easel-prompt textarea", easel.countSoon);

    // The form outlives a reload of its tab: values in sessionStorage, handed to the page's load event.
    const kept = () => {
        try {
            return JSON.parse(sessionStorage.getItem("easel-form") || "{}");
        } catch {
            return {};
        }
    };
    const keep = (values) => {
        try {
            sessionStorage.setItem("easel-form", JSON.stringify({ ...kept(), ...values }));
        } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
    };
    const keepPrompts = () => keep({ prompt: (box("txt2img_prompt") || {}).value || "", negative_prompt: (box("txt2img_neg_prompt") || {}).value || "" });
    easel.keep = (names, values) => {
        keep(Object.fromEntries(names.map((name, index) => [name, values[index]])));
        easel.mark(names, values);
        easel.countSoon();
    };
    // An accordion in which something differs from the usual has a dot in its title. A data attribute: Gradio writes the classes.
    const same = (left, right) => String(left ?? "").trim() === String(right ?? "").trim();
    easel.mark = (names, values) => {
        for (const [id, usual] of Object.entries(easel.usual)) {
            const accordion = easel.byId(id);
            const differs = names.some((name, index) => name in usual && !same(values[index], usual[name]));
            if (accordion) accordion.toggleAttribute("data-changed", differs);
        }
    };
    const before = sessionStorage.getItem("easel-form") || "";
    easel.kept = () => before;

    // Files. A hidden upload field of Gradio's carries them to the server.
    const hand = async (id, file) => {
        for (let tries = 0; tries < 40; tries += 1) {
            const input = document.querySelector(`#${id} input[type="file"]`);
            if (input) {
                const carrier = new DataTransfer();
                carrier.items.add(file);
                input.files = carrier.files;
                input.dispatchEvent(new Event("change", { bubbles: true }));
                return;
            }
            await new Promise((done) => setTimeout(done, 50));
        }
        easel.say("The file could not be handed over: the file before it is still being read. Try again in a moment; if that does not help, reload the page.", "error");
    };
    easel.hand = hand;

    const fileOf = async (data) => {
        if (data.files && data.files.length) return data.files[0];
        const link = (data.getData("text/uri-list") || "").split("\n")[0];
        if (!link) return null;
        const address = new URL(link, location.href);
        if (address.origin !== location.origin) return null;
        const answer = await fetch(address);
        return answer.ok ? new File([await answer.blob()], decodeURIComponent(address.pathname.split("/").pop())) : null;
    };

    const take = async (data, target) => {
        const file = await fileOf(data);
        if (!file) return;
        if (target !== "pnginfo_file" && /^text\/|\.txt$/.test(file.type || file.name)) {
            easel.put(box("txt2img_prompt"), await file.text());
            easel.byId("paste").click();
        } else {
            hand(target, file);
        }
    };

    const zones = [[".easel-prompt", "txt2img_drop"], ["#pnginfo_zone", "pnginfo_file"]];
    const carries = (data) => data && (data.types.includes("Files") || data.types.includes("text/uri-list"));
    const zoneOf = (event) => {
        if (!(event.target instanceof Element)) return null;
        for (const [selector, target] of zones) {
            const element = event.target.closest(selector);
            if (element) return { element, target };
        }
        return null;
    };
    let lit = null;
    const light = (element) => {
        if (lit && lit !== element) lit.classList.remove("dropping");
        if (element) element.classList.add("dropping");
        lit = element;
    };
    document.addEventListener("dragover", (event) => {
        if (!carries(event.dataTransfer)) return;
        const zone = zoneOf(event);
        light(zone && zone.element);
        // A picture that misses the zone must not replace the page.
        if (zone || event.dataTransfer.types.includes("Files")) event.preventDefault();
    }, true);
    document.addEventListener("dragleave", (event) => {
        if (!event.relatedTarget) light(null);
    });
    document.addEventListener("drop", (event) => {
        light(null);
        if (!carries(event.dataTransfer)) return;
        const zone = zoneOf(event);
        if (zone || event.dataTransfer.types.includes("Files")) event.preventDefault();
        if (zone) {
            event.stopPropagation();
            take(event.dataTransfer, zone.target);
        }
    }, true);
    document.addEventListener("paste", (event) => {
        const data = event.clipboardData;
        if (!data || !data.files.length || data.types.includes("text/plain")) return;
        const shown = easel.byId("pnginfo_zone");
        const target = shown && shown.offsetParent !== null ? "pnginfo_file" : event.target.closest && event.target.closest(".easel-prompt") ? "txt2img_drop" : null;
        if (target) {
            event.preventDefault();
            take(data, target);
        }
    }, true);
    easel.when("#pnginfo_zone", (zone) => {
        const choose = () => document.querySelector('#pnginfo_file input[type="file"]').click();
        zone.addEventListener("click", choose);
        zone.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                choose();
            }
        });
    });
    let address = "";
    document.addEventListener("change", (event) => {
        if (!(event.target instanceof HTMLInputElement) || !event.target.closest("#pnginfo_file") || !event.target.files.length) return;
        const zone = easel.byId("pnginfo_zone");
        if (address) URL.revokeObjectURL(address);
        address = URL.createObjectURL(event.target.files[0]);
        const picture = easel.make("img", { src: address, alt: event.target.files[0].name });
        picture.addEventListener("error", () => picture.remove());
        zone.querySelectorAll("img").forEach((old) => old.remove());
        zone.prepend(picture);
    }, true);

    // Hints are tooltips too, and are read out with their box.
    easel.when("#txt2img_settings .info-text", (hint) => {
        const block = hint.closest(".block");
        block.title = hint.textContent.trim();
        block.querySelectorAll("input").forEach((input) => input.setAttribute("aria-description", block.title));
    });

    // Small buttons. "seed" and "subseed" have the same pair.
    for (const which of ["seed", "subseed"]) {
        easel.when(`#txt2img_random_${which}`, (button) => button.addEventListener("click", () => easel.put(box(`txt2img_${which}`), "-1")));
        easel.when(`#txt2img_reuse_${which}`, (button) => button.addEventListener("click", () => {
            const found = easel.shown && easel.shown[which];
            if (found === undefined || found === "") easel.say(easel.shown ? "The shown picture has no variation seed." : "There is no picture yet whose seed could be used.");
            else easel.put(box(`txt2img_${which}`), String(found));
        }));
        easel.when(`#txt2img_${which} input`, (input) => {
            input.inputMode = "numeric";
            input.addEventListener("keydown", (event) => {
                const step = { ArrowUp: 1n, ArrowDown: -1n }[event.key];
                if (!step || !/^\s*-?\d{1,19}\s*$/.test(input.value)) return;
                event.preventDefault();
                const next = BigInt(input.value) + step;
                easel.put(input, String(next < -1n ? -1n : next));
            });
        });
    }
    // Gradio brings a slider's number back to the slider's end when its box is left. Where the parameter goes further the number stays; elsewhere the change is said.
    document.addEventListener("blur", (event) => {
        const input = event.target;
        if (!(input instanceof HTMLInputElement) || input.type !== "number" || input.value === "") return;
        const block = input.closest(".block:has(input[type='range'])");
        if (!block) return;
        const [value, least, most] = [input.value, input.min, input.max].map(Number);
        if (value > most && block.classList.contains("easel-further")) {
            event.stopImmediatePropagation();
        } else if (value > most || value < least) {
            const label = (block.querySelector('[data-testid="block-info"]') || {}).textContent || "";
            const [limit, word] = value > most ? [most, "most"] : [least, "least"];
            easel.say(`${value} was changed to ${limit}, the ${word} that is possible here.`, "note", label.trim());
        }
    }, true);
    easel.when("#txt2img_res_switch_btn", (button) => button.addEventListener("click", () => {
        const [width, height] = ["width", "height"].map((name) => document.querySelector(`#txt2img_${name} input[type="number"]`));
        const old = width.value;
        easel.put(width, height.value);
        easel.put(height, old);
    }));
    easel.when("#txt2img_clear_prompt", (button) => button.addEventListener("click", () => {
        const area = box("txt2img_prompt");
        area.focus();
        area.select();
        // As an edit of the browser's own, so that Ctrl+Z brings the prompt back.
        if (!document.execCommand("delete") || area.value) easel.put(area, "");
    }));
})();
