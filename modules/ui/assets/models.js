// The Models tab (ui/models.py): every model file as a card. Thousands are listed, only those in sight are on the page. A click inserts or selects.
"use strict";
(() => {
    const easel = window.easel;
    const GAP = 10;
    const LEAST = 168;
    const FAMILIES = { sd1: "SD 1", sd2: "SD 2", sdxl: "SDXL", "sdxl-refiner": "SDXL refiner", sd3: "SD 3", flux: "FLUX", pipeline: "Pipeline" };
    const KINDS = {
        checkpoint: "Checkpoint", transformer: "Transformer alone", unet: "UNet alone", lora: "LoRA", locon: "LoCon", loha: "LoHa", lokr: "LoKr", dora: "DoRA", oft: "OFT", glora: "GLoRA", full: "Full difference", ia3: "IA3", "lora-lcm": "LCM LoRA",
        embedding: "Textual inversion", vae: "VAE", "vae-approx": "Preview decoder", controlnet: "ControlNet", "controlnet-union": "ControlNet Union", "controlnet-lllite": "ControlNet LLLite", "control-lora": "Control LoRA", "t2i-adapter": "T2I-Adapter", "ip-adapter": "IP-Adapter",
        "clip-vision": "Image encoder", annotator: "Preprocessor", "text-encoder": "Text encoder", upscaler: "Upscaler", "face restorer": "Face restorer", hypernetwork: "Hypernetwork", "motion-module": "Motion module", unknown: "Unknown",
    };
    // What the group of a card says already.
    const USUAL = ["checkpoint", "lora", "embedding", "vae", "text-encoder", "upscaler", "unknown"];
    const WORKING = ["checkpoint", "lora", "embedding"];
    const GUIDING = ["controlnet", "controlnet-union", "controlnet-lllite", "control-lora", "t2i-adapter", "ip-adapter"];
    const works = (row) => WORKING.includes(row.group) || row.kind === "vae";

    const models = { all: [], groups: [], shown: [], rows: new Map(), active: "", acts: [] };
    easel.models = models;
    const chosen = { group: "", folder: "", sort: "name", back: false, favourites: false, fitting: false, search: "", ...(() => {
        try {
            return JSON.parse(localStorage.getItem("easel-models") || "{}");
        } catch {
            return {};
        }
    })(), search: "" };
    const note = () => {
        try {
            localStorage.setItem("easel-models", JSON.stringify({ ...chosen, search: "" }));
        } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
    };

    // Sizes and families as people say them.
    models.size = (bytes) => bytes >= 1e9 ? `${(bytes / 1e9).toFixed(bytes >= 1e10 ? 0 : 1)} GB` : bytes >= 1e6 ? `${Math.round(bytes / 1e6)} MB` : bytes ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : "";
    models.family = (row) => FAMILIES[row.family] || (row.group === "upscaler" ? row.family : row.called) || row.family || "";
    models.kind = (row) => KINDS[row.kind] || row.kind;
    models.part = (selector) => document.querySelector(`#easel_models ${selector}`);
    models.row = (id) => models.all.find((row) => row.id === id);

    // The panel with prompts that was used last: cards go there.
    let target = null;
    models.target = () => {
        const panel = easel.panel();
        if (panel.box("prompt")) target = panel;
        return target || easel.panels.txt2img;
    };
    models.checkpoint = () => {
        // The menu's words may have been written before the file's hash was known, or after.
        const plain = (text) => text.replace(/ \[[0-9a-f]{8,}\]$/, "");
        const named = easel.model();
        const own = models.all.filter((row) => row.group === "checkpoint");
        return own.find((row) => row.title === named || row.value === named) || own.find((row) => plain(row.title) === plain(named)) || null;
    };
    // Made for another family than the chosen checkpoint's. VAEs go by the latents that families share.
    const foreign = (row, own) => {
        if (!own || !own.family || !row.family || row.group === "checkpoint") return false;
        if (row.group === "vae") return Boolean(row.space && own.space && row.space !== own.space);
        return (WORKING.includes(row.group) || GUIDING.includes(row.kind)) && row.family !== own.family;
    };

    // What a click does. A LoRA that stands in the prompt is taken out again, as in A1111.
    const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const extended = (area, text, own) => {
        const old = area.value;
        if (own.test(old)) {
            easel.put(area, old.replace(own, "").replace(/,\s*(,|$)/g, "$1").trim());
            return false;
        }
        easel.put(area, old.trim() ? `${old.trimEnd()}${/[,.]$/.test(old.trim()) ? "" : ","} ${text}` : text);
        return true;
    };
    models.use = (row) => {
        const panel = models.target();
        if (row.trouble || !works(row)) {
            models.open(row);
        } else if (row.group === "checkpoint" || row.kind === "vae") {
            models.choose = JSON.stringify({ kind: row.kind === "vae" ? "vae" : "checkpoint", value: row.kind === "vae" ? row.file : row.value, panel: panel.prefix });
            easel.byId("easel_choose").click();
        } else {
            const lora = row.group === "lora";
            const said = lora ? `<lora:${row.value.includes("/") || row.value.includes("\\") ? row.name : row.value}:${row.weight || 1}>` : row.name;
            const text = [said, row.activation].filter(Boolean).join(lora ? " " : ", ");
            const tail = row.activation ? `(?:,?\\s*${escaped(row.activation)})?` : "";
            const own = lora ? new RegExp(`,?\\s*<lora:${escaped(row.name)}(?::[^>]*)?>${tail}`, "i") : new RegExp(`(?:^|,)\\s*${escaped(text)}(?=\\s*(?:,|$))`, "i");
            const added = extended(panel.box("prompt"), text, own);
            if (row.negative) extended(panel.box("neg_prompt"), row.negative, new RegExp(`,?\\s*${escaped(row.negative)}`, "i"));
            easel.say(added ? text : row.name, "note", added ? `Added to the prompt of ${panel.prefix}` : `Taken out of the prompt of ${panel.prefix}`);
        }
    };

    // Filtering and sorting. Every word of the search must stand somewhere in the card's texts.
    const texts = new WeakMap();
    const textOf = (row) => {
        if (!texts.has(row)) texts.set(row, [row.name, row.file, row.folder, row.kind, row.family, row.architecture, row.variant, row.precision, row.hash, row.about, row.activation, ...row.words, models.family(row), models.kind(row)].join("\n").toLowerCase());
        return texts.get(row);
    };
    const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
    const orders = {
        name: (a, b) => collator.compare(a.name, b.name),
        changed: (a, b) => b.changed - a.changed,
        size: (a, b) => b.size - a.size,
        folder: (a, b) => collator.compare(a.folder, b.folder) || collator.compare(a.name, b.name),
        family: (a, b) => collator.compare(models.family(a) || "~", models.family(b) || "~") || collator.compare(a.name, b.name),
    };
    const within = (row) => !chosen.folder || row.folder === chosen.folder || row.folder.startsWith(`${chosen.folder}/`);
    models.filter = () => {
        const words = chosen.search.toLowerCase().split(/\s+/).filter(Boolean);
        const own = models.checkpoint();
        models.shown = models.all.filter((row) => (!chosen.group || row.group === chosen.group) && within(row) && (!chosen.favourites || row.favourite) && !(chosen.fitting && foreign(row, own)) && words.every((word) => textOf(row).includes(word)));
        models.shown.sort((a, b) => (chosen.back ? -1 : 1) * (orders[chosen.sort] || orders.name)(a, b));
        paint();
    };

    // One card.
    const placeholder = (row) => {
        let turn = 0;
        for (const letter of row.name) turn = (turn * 131 + letter.codePointAt(0) * 57) % 360;
        return easel.make("span", { class: "blank", style: `--turn: ${turn}`, "aria-hidden": "true" }, (row.name.match(/[\p{L}\p{N}]/u) || ["?"])[0].toUpperCase());
    };
    // A long file name breaks after its own signs.
    const broken = (name) => name.split(/(?<=[_\-. ])/).flatMap((part) => [part, easel.make("wbr", {})]);
    models.does = (row) => row.trouble ? "Cannot be used: look why" : row.group === "checkpoint" ? "Select this checkpoint" : row.kind === "vae" ? "Use this VAE" : WORKING.includes(row.group) ? "Put into the prompt, or take out" : "Look at it";
    const card = (row) => {
        const facts = [models.family(row), USUAL.includes(row.kind) ? "" : easel.translated(models.kind(row)), row.variant && row.group === "checkpoint" ? row.variant : "", row.precision, models.size(row.size).replace(" ", "\u00a0")].filter(Boolean).join(" · ");
        const picture = row.picture ? easel.make("img", { src: easel.url(`models/${row.id}/thumb?v=${row.picture}`), alt: "", loading: "lazy", decoding: "async", draggable: "false" }) : placeholder(row);
        if (row.picture) picture.addEventListener("error", () => picture.replaceWith(placeholder(row)));
        const words = row.activation || row.words.join(", ");
        const further = [words && `“${words}”`, row.about, row.hash].filter(Boolean);
        const pick = easel.make("button", { type: "button", class: "pick", title: `${row.file}\n${easel.translated(models.does(row))}`, onclick: () => models.use(row) }, picture,
            easel.make("span", { class: "caption" }, easel.make("b", { translate: "no" }, ...broken(row.name)), easel.make("small", {}, row.trouble || facts),
                ...(row.trouble ? [] : further.map((text) => easel.make("small", { class: "further", translate: "no" }, text)))));
        const star = easel.make("button", { type: "button", class: "star", title: "Favourite", "aria-label": `Favourite: ${row.name}`, "aria-pressed": String(row.favourite), onclick: () => favour(row, star) }, "★");
        const more = easel.make("button", { type: "button", class: "more", title: "Details", "aria-label": `Details of ${row.name}`, onclick: () => models.open(row) }, "i");
        const element = easel.make("div", { class: "card", role: "listitem", "data-id": row.id, "data-group": row.group }, pick, star, more, easel.make("span", { class: "mark" }));
        return { element, row, parts: [pick, star, more] };
    };
    const favour = async (row, star) => {
        try {
            await easel.ask(`models/${row.id}/favourite`, { on: !row.favourite });
            row.favourite = !row.favourite;
            star.setAttribute("aria-pressed", String(row.favourite));
            if (chosen.favourites) models.filter();
        } catch (error) {
            easel.say(error.message, "error");
        }
    };

    // The cards in sight, at their places. Cards that stay keep their element, so focus and pictures stay too.
    let columns = 1;
    const draw = () => {
        const grid = models.part(".grid");
        if (!grid || grid.offsetParent === null) return;
        const width = grid.clientWidth;
        columns = Math.max(2, Math.floor((width + GAP) / (LEAST + GAP)));
        const wide = (width - GAP * (columns - 1)) / columns;
        const high = Math.round(wide * 1.28);
        const lines = Math.ceil(models.shown.length / columns);
        grid.style.height = `${Math.max(0, lines * (high + GAP) - GAP)}px`;
        const top = -grid.getBoundingClientRect().top;
        const first = Math.max(0, Math.floor(top / (high + GAP)) - 1);
        const last = Math.min(lines, Math.ceil((top + innerHeight) / (high + GAP)) + 1);
        const wanted = new Map(models.shown.slice(first * columns, last * columns).map((row, index) => [row.id, [row, first * columns + index]]));
        for (const [id, held] of models.rows) {
            if (wanted.has(id) && wanted.get(id)[0] === held.row) continue;
            held.element.remove();
            models.rows.delete(id);
        }
        const own = models.checkpoint();
        if (!models.shown.some((row) => row.id === models.active)) models.active = models.shown.length ? models.shown[0].id : "";
        const kept = wanted.has(models.active) ? models.active : (wanted.keys().next().value || "");
        for (const [id, [row, at]] of wanted) {
            if (!models.rows.has(id)) models.rows.set(id, card(row));
            const { element, parts } = models.rows.get(id);
            const style = element.style;
            style.width = `${wide}px`;
            style.height = `${high}px`;
            style.transform = `translate(${(at % columns) * (wide + GAP)}px, ${Math.floor(at / columns) * (high + GAP)}px)`;
            const strange = foreign(row, own);
            element.classList.toggle("foreign", strange);
            element.classList.toggle("broken", Boolean(row.trouble));
            element.classList.toggle("current", Boolean(own) && own.id === id);
            element.querySelector(".mark").textContent = row.trouble ? "cannot be used" : strange ? `for ${models.family(row)}` : "";
            element.setAttribute("aria-posinset", at + 1);
            element.setAttribute("aria-setsize", models.shown.length);
            for (const part of parts) part.tabIndex = id === kept ? 0 : -1;
            if (element.parentElement !== grid) grid.append(element);
        }
    };
    let drawing = 0;
    models.draw = () => {
        if (!drawing) drawing = requestAnimationFrame(() => {
            drawing = 0;
            draw();
        });
    };
    window.addEventListener("scroll", models.draw, { passive: true });
    window.addEventListener("resize", models.draw);

    const pressed = (id, on) => models.part(`#models_${id}`).setAttribute("aria-pressed", String(on));
    const paint = () => {
        const kinds = models.part(".kinds");
        if (!kinds) return;
        const count = (group) => models.all.filter((row) => !group || row.group === group).length;
        const entries = [{ id: "", label: "All" }, ...models.groups.filter((group) => count(group.id) || WORKING.includes(group.id))];
        const look = JSON.stringify(entries.map(({ id }) => [id, count(id), chosen.group === id]));
        if (kinds.dataset.look !== look) kinds.replaceChildren(...entries.map(({ id, label }) => easel.make("button", { type: "button", "aria-pressed": String(chosen.group === id), "data-group": id, onclick: () => models.show(id) }, easel.make("span", {}, label), easel.make("small", {}, String(count(id))))));
        kinds.dataset.look = look;
        const folders = [...new Set(models.all.filter((row) => !chosen.group || row.group === chosen.group).flatMap((row) => row.folder.split("/").map((_, depth, parts) => parts.slice(0, depth + 1).join("/"))))].filter(Boolean).sort(collator.compare);
        if (chosen.folder && !folders.includes(chosen.folder)) chosen.folder = "";
        models.part("#models_folder").replaceChildren(...["", ...folders].map((folder) => easel.make("option", { value: folder, selected: folder === chosen.folder }, folder || "All folders")));
        models.part(".pick-folder").hidden = !folders.length;
        models.part("#models_sort").value = chosen.sort;
        pressed("order", chosen.back);
        pressed("favourites", chosen.favourites);
        pressed("fitting", chosen.fitting);
        const filtered = chosen.search || chosen.folder || chosen.favourites || chosen.fitting;
        models.part(".none").textContent = models.shown.length ? "" : !models.loaded ? "Looking through the folders …" : filtered ? "No model fits what is searched." : "There are no models of this kind yet. Put files into the folders under models, or press Get models.";
        models.draw();
    };

    // Whatever the page's server did may have chosen another checkpoint.
    const told = easel.told;
    easel.told = (packed) => {
        told(packed);
        setTimeout(() => (chosen.fitting ? models.filter() : models.draw()), 60);
    };

    models.show = (group) => {
        chosen.group = group;
        note();
        models.filter();
        const again = models.part(`.kinds [data-group="${group}"]`);
        if (again && document.activeElement === document.body) again.focus();
    };
    models.chosenGroup = () => chosen.group;
    models.load = async (anew = false) => {
        try {
            const found = await easel.ask(`models?since=${models.version || ""}${anew ? "&refresh" : ""}`);
            if (found.models) Object.assign(models, { all: found.models, groups: found.groups, version: found.version, loaded: true });
            models.filter();
        } catch (error) {
            const place = models.part(".none");
            if (place) place.textContent = error.message;
        }
    };
    models.openTab = (group) => {
        chosen.group = group;
        models.target();
        easel.openTab("tab_models");
        models.filter();
    };

    const change = (act) => () => {
        act();
        note();
        models.filter();
    };
    easel.when("#easel_models", (place) => {
        const part = (id) => place.querySelector(`#models_${id}`);
        let pause = 0;
        part("search").addEventListener("input", () => {
            clearTimeout(pause);
            pause = setTimeout(() => {
                chosen.search = part("search").value;
                models.filter();
            }, 80);
        });
        part("search").addEventListener("keydown", (event) => {
            if (event.key !== "ArrowDown" || !models.shown.length) return;
            event.preventDefault();
            focus(0);
        });
        part("folder").addEventListener("change", change(() => { chosen.folder = part("folder").value; }));
        part("sort").addEventListener("change", change(() => { chosen.sort = part("sort").value; }));
        part("order").addEventListener("click", change(() => { chosen.back = !chosen.back; }));
        part("favourites").addEventListener("click", change(() => { chosen.favourites = !chosen.favourites; }));
        part("fitting").addEventListener("click", change(() => { chosen.fitting = !chosen.fitting; }));
        part("refresh").addEventListener("click", () => models.load(true));
        place.querySelector(".acts").append(...models.acts.map(([id, label, title, act]) => easel.make("button", { type: "button", id: `models_${id}`, class: "tool wide", title, onclick: act }, label)));
        new ResizeObserver(models.draw).observe(place);
        new IntersectionObserver((seen) => {
            if (seen.some((one) => one.isIntersecting)) models.load();
        }).observe(place.querySelector(".kinds"));
        place.addEventListener("keydown", walk);
        place.addEventListener("focusin", (event) => {
            const on = event.target.closest(".card");
            if (!on || on.dataset.id === models.active) return;
            models.active = on.dataset.id;
            models.draw();
        });
        paint();
    });

    // Arrow keys walk from card to card; only one card at a time is a stop of Tab.
    const focus = (at) => {
        const row = models.shown[Math.max(0, Math.min(models.shown.length - 1, at))];
        models.active = row.id;
        const grid = models.part(".grid");
        const high = Math.round((grid.clientWidth - GAP * (columns - 1)) / columns * 1.28) + GAP;
        const top = grid.getBoundingClientRect().top + Math.floor(models.shown.indexOf(row) / columns) * high;
        if (top < 8) scrollBy(0, top - 8);
        else if (top + high > innerHeight) scrollBy(0, top + high - innerHeight + 8);
        draw();
        const held = models.rows.get(row.id);
        if (held) held.parts[0].focus({ preventScroll: true });
    };
    const walk = (event) => {
        const on = event.target.closest(".card");
        if (!on) return;
        const at = models.shown.findIndex((row) => row.id === on.dataset.id);
        const to = { ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + columns, ArrowUp: at - columns, Home: 0, End: models.shown.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        if (to >= 0 && to < models.shown.length) focus(to);
    };

    for (const panel of Object.values(easel.panels)) {
        easel.when(`#${panel.prefix}_extra_networks`, (button) => button.addEventListener("click", () => models.openTab("lora")));
    }
})();
