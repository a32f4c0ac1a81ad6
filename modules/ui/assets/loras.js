// A line under the prompts about the LoRAs in them (ui/loras.py): which are not here, which are for another kind of model, and what those for few steps need.
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const PAUSE = 500;
    const MARK = /<ly?co:|<lora:/i;

    const line = (lora, use) => {
        const named = make("b", { translate: "no" }, lora.name);
        if (lora.state === "missing") {
            const near = (lora.near || []).map((name) => make("button", { type: "button", class: "tool wide", translate: "no", title: "Name this one instead", onclick: () => use.rename(lora.name, name) }, name));
            return make("p", { class: "bad" }, make("span", {}, "There is no LoRA of this name: "), named, near.length ? make("span", {}, " Near:") : null, ...near);
        }
        if (lora.state === "broken") return make("p", { class: "bad" }, lora.why);
        if (lora.state === "other") return make("p", { class: "bad" }, named, make("span", {}, ` was made for ${lora.made}; this checkpoint is ${lora.checkpoint}.`));
        const { sampler, schedule, steps, cfg_scale: cfg } = lora.offer.values;
        const shown = `${sampler}, ${schedule}, ${steps} steps, CFG ${cfg}`;
        return make("p", {}, named, make("span", {}, ` draws in few steps (${lora.offer.what}).`), make("button", { type: "button", class: "tool wide", title: shown, onclick: () => use.values(lora.offer.values) }, `Use ${shown}`));
    };

    for (const panel of Object.values(easel.panels)) {
        const place = make("div", { class: "easel-loras", role: "status" });
        let pause = 0;
        let asked = "";
        const use = {
            values: (values) => {
                panel.suits = JSON.stringify(values);
                panel.part("suit").click();
            },
            rename: (from, to) => {
                const area = panel.box("prompt");
                easel.put(area, area.value.split(`:${from}`).join(`:${to}`));
                look();
            },
        };
        const look = async () => {
            const prompt = (panel.box("prompt") || {}).value || "";
            const question = MARK.test(prompt) ? JSON.stringify({ prompt, model: easel.model() }) : "";
            if (question === asked) return;
            asked = question;
            if (!question) {
                place.replaceChildren();
                return;
            }
            try {
                const { loras } = await easel.ask("loras", JSON.parse(question));
                if (asked === question) place.replaceChildren(...loras.filter((lora) => lora.state !== "here" || lora.offer).map((lora) => line(lora, use)));
            } catch {
                asked = ""; // asked again with the next key
            }
        };
        const soon = () => {
            clearTimeout(pause);
            pause = setTimeout(look, PAUSE);
        };
        easel.when(`#${panel.prefix}_prompt_container`, (container) => {
            container.append(place);
            container.addEventListener("input", soon);
            setInterval(() => { if (panel.visible()) look(); }, 2000); // words that no key brought: a card, a picture that was read, another checkpoint
        });
    }
})();
