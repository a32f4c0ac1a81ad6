// One object for each panel of the page (ui/panel.py): where its parts are, its token counters, its small buttons, and keeping its form over a reload.
"use strict";
(() => {
    const easel = window.easel;
    const PAUSE = 400;
    const PROMPTS = { prompt: "token_counter", neg_prompt: "negative_token_counter" };

    // What the browser had noted of all forms: {prefix: {name: value}}, in sessionStorage, handed to the page's load event.
    const before = sessionStorage.getItem("easel-forms") || "";
    easel.kept = () => before;
    const noted = () => {
        try {
            return JSON.parse(sessionStorage.getItem("easel-forms") || "{}");
        } catch {
            return {};
        }
    };
    const note = (prefix, values) => {
        try {
            const all = noted();
            sessionStorage.setItem("easel-forms", JSON.stringify({ ...all, [prefix]: { ...all[prefix], ...values } }));
        } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
    };

    let touched = false;
    easel.model = () => (document.querySelector("#setting_sd_model_checkpoint input") || {}).value || "";
    const same = (left, right) => String(left ?? "").trim() === String(right ?? "").trim();

    const make = (prefix) => {
        const panel = { prefix, shown: null, values: {}, part: (name) => easel.byId(`${prefix}_${name}`) };
        panel.box = (name) => document.querySelector(`#${prefix}_${name} :is(textarea, input)`);
        panel.number = (name) => document.querySelector(`#${prefix}_${name} input[type="number"]`);
        panel.find = (selector) => document.querySelector(`#${prefix}_gallery ${selector}`);
        panel.paste = () => easel.byId(prefix === "txt2img" ? "paste" : `${prefix}_paste`);
        panel.visible = () => Boolean(panel.part("generate") && panel.part("generate").offsetParent !== null);
        panel.open = () => easel.openTab(`tab_${prefix}`);

        // Token counters: asked for when typing pauses, for both prompts in one request. Typing itself sends nothing.
        let pause = 0;
        let asked = "";
        const count = async () => {
            const texts = Object.keys(PROMPTS).map((name) => (panel.box(name) || {}).value || "");
            const wanted = JSON.stringify([easel.model(), texts]);
            if (wanted === asked) return;
            asked = wanted;
            const counted = async (some) => (await easel.ask("tokens", { model: easel.model(), texts: some })).counts.map((count) => count.join("/"));
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
                Object.values(PROMPTS).forEach((name, index) => {
                    const place = document.querySelector(`#${prefix}_${name} .counter`);
                    if (place && counts[index]) place.textContent = counts[index];
                });
            } catch {
                asked = "";
            }
        };
        panel.countSoon = () => {
            clearTimeout(pause);
            pause = setTimeout(count, PAUSE);
        };
        panel.keepPrompts = () => note(prefix, { prompt: (panel.box("prompt") || {}).value || "", negative_prompt: (panel.box("neg_prompt") || {}).value || "" });
        // Asks Gradio for the values of all boxes. -> once they are in panel.values.
        let waiting = [];
        panel.gather = () => new Promise((done) => {
            const button = panel.part("gather");
            if (!button) return done();
            waiting.push(done);
            button.click();
        });
        panel.gathered = (names, values) => {
            const now = JSON.stringify(values);
            if (now !== panel.known) {
                // What a page holds by itself need not be noted: the next one may start with something better.
                if (panel.known || touched) note(prefix, Object.fromEntries(names.map((name, index) => [name, values[index]])));
                panel.known = now;
                panel.mark(names, values);
                panel.countSoon();
            }
            waiting.splice(0).forEach((done) => done());
        };
        // An accordion in which something differs from the usual has a dot in its title. A data attribute: Gradio writes the classes.
        panel.mark = (names, values) => {
            names.forEach((name, index) => { panel.values[name] = values[index]; });
            for (const [id, usual] of Object.entries(easel.usual[prefix])) {
                const accordion = easel.byId(id);
                const differs = names.some((name, index) => name in usual && !same(values[index], usual[name]));
                if (accordion) accordion.toggleAttribute("data-changed", differs);
            }
        };

        // Small buttons. "seed" and "subseed" have the same pair.
        const press = (name, act) => easel.when(`#${prefix}_${name}`, (button) => button.addEventListener("click", () => act(button)));
        for (const which of ["seed", "subseed"]) {
            press(`random_${which}`, () => easel.put(panel.box(which), "-1"));
            press(`reuse_${which}`, () => {
                const found = panel.shown && panel.shown[which];
                if (found === undefined || found === null || found === "") easel.say(panel.shown ? "The shown picture has no variation seed." : "There is no picture yet whose seed could be used.");
                else easel.put(panel.box(which), String(found));
            });
            easel.when(`#${prefix}_${which} input`, (input) => {
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
        press("res_switch_btn", () => {
            const [width, height] = [panel.number("width"), panel.number("height")];
            const old = width.value;
            easel.put(width, height.value);
            easel.put(height, old);
        });
        press("clear_prompt", () => {
            const area = panel.box("prompt");
            area.focus();
            area.select();
            // As an edit of the browser's own, so that Ctrl+Z brings the prompt back.
            if (!document.execCommand("delete") || area.value) easel.put(area, "");
        });
        press("use_example", (button) => {
            easel.put(panel.box("prompt"), button.dataset.prompt);
            panel.box("prompt").focus();
        });
        return panel;
    };

    easel.panels = Object.fromEntries(Object.keys(easel.usual).map((prefix) => [prefix, make(prefix)]));

    // The panel that is on the page now, or was last.
    let last = Object.values(easel.panels)[0];
    easel.panel = () => {
        last = Object.values(easel.panels).find((panel) => panel.visible()) || last;
        return last;
    };
    easel.panelOf = (element) => Object.values(easel.panels).find((panel) => element.closest(`[id^="${panel.prefix}_"]`)) || easel.panel();
    Object.defineProperty(easel, "shown", { get: () => easel.panel().shown });

    // Whatever a hand does may change a box; so may an answer of the server, in any panel.
    const SOON = 100;
    const due = new Set();
    let soon = 0;
    easel.gather = (...which) => {
        which.forEach((panel) => due.add(panel));
        clearTimeout(soon);
        soon = setTimeout(() => {
            (due.size ? [...due] : [easel.panel()]).forEach((panel) => panel.gather());
            due.clear();
        }, SOON);
    };
    for (const kind of ["input", "change", "click", "keyup", "drop"]) {
        document.addEventListener(kind, (event) => {
            if (kind === "click" && !event.isTrusted || event.target.closest && event.target.closest(".easel-prompt")) return;
            touched = true;
            easel.gather();
        }, true);
    }
    // After a load: the parts that are to be filled anew (ui/opening.py). filling: how many are still to come; null before that is known.
    easel.filling = null;
    easel.opened = (parts) => {
        const wanted = JSON.parse(parts || "[]");
        easel.filling = wanted.length;
        for (const part of wanted) easel.byId(`easel_fill_${part}`).click();
        easel.gather();
    };
    easel.filled = () => {
        easel.filling -= 1;
        easel.gather(...Object.values(easel.panels));
    };

    document.addEventListener("input", (event) => {
        if (!event.target.closest || !event.target.closest(".easel-prompt")) return;
        const panel = easel.panelOf(event.target);
        panel.countSoon();
        panel.keepPrompts();
    });
    easel.when(".easel-prompt textarea", (area) => easel.panelOf(area).countSoon());
})();
