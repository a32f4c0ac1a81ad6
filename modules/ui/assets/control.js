// ControlNet, T2I-Adapter and IP-Adapter units of both forms (ui/control.py). What is switched on stands as JSON in a hidden box of the form; the rest lives here.
"use strict";
(() => {
    const easel = window.easel;
    const { make } = easel;
    const NOTED = "easel-control";
    const ALL = "All";
    const IP = "ip-adapter";
    const UNION = "controlnet-union";
    let desk = null;
    let asking = null;
    const places = {};

    const noted = () => {
        try {
            return JSON.parse(sessionStorage.getItem(NOTED) || "{}");
        } catch {
            return {};
        }
    };
    const furnished = () => {
        asking = asking || easel.ask("control").then((found) => { desk = found; return found; }).catch((error) => { asking = null; throw error; });
        return asking;
    };
    const module = (name) => desk.modules.find((one) => one.name === name) || desk.modules[0];
    const kindOf = (name) => (desk.models.find((one) => one.name === name) || {}).kind || "";
    const checkpoint = () => desk.checkpoints[easel.model()] || { base: "", lacks: "" };

    // What a box holds, as units with all their values in their order; [] for what is no list.
    const listed = (text) => {
        try {
            const found = JSON.parse(text || "[]");
            return Array.isArray(found) ? found.slice(0, desk.most).map((values) => ({ ...desk.unit, ...values })) : [];
        } catch {
            return [];
        }
    };

    // One form's units. host: the element that is furnished. A unit is {on, type, values}; its section is made once.
    const place = (host) => {
        const panel = easel.panelOf(host);
        const here = { host, panel, units: [], chosen: 0, written: "" };
        places[panel.prefix] = here;
        const box = () => panel.box("control");
        const fresh = () => ({ on: false, type: ALL, values: { ...desk.unit } });

        const active = () => here.units.filter((unit) => unit.on).map((unit) => unit.values);
        here.save = () => {
            here.written = JSON.stringify(active());
            easel.put(box(), here.written);
            try {
                const kept = here.units.map(({ on, type, values }) => ({ on, type, values }));
                sessionStorage.setItem(NOTED, JSON.stringify({ ...noted(), [panel.prefix]: { units: kept, chosen: here.chosen } }));
            } catch { /* a full or forbidden storage loses the convenience, nothing else */ }
            mark();
        };
        const mark = () => {
            tabs.querySelectorAll("button[role=tab]").forEach((tab, index) => {
                tab.classList.toggle("on", here.units[index].on);
                tab.setAttribute("aria-selected", String(index === here.chosen));
                tab.tabIndex = index === here.chosen ? 0 : -1;
            });
        };

        const note = make("p", { class: "easel-control-note", role: "status", hidden: true });
        const tabs = make("div", { class: "easel-control-tabs", role: "tablist", "aria-label": "Control units" });
        const sections = make("div", {});
        host.replaceChildren(note, tabs, sections);

        const choose = (index, focus = false) => {
            here.chosen = Math.max(0, Math.min(index, here.units.length - 1));
            here.units.forEach((unit, at) => { unit.section.hidden = at !== here.chosen; });
            mark();
            if (focus) tabs.querySelectorAll("button[role=tab]")[here.chosen].focus();
        };
        tabs.addEventListener("keydown", (event) => {
            const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
            if (!way || event.target.getAttribute("role") !== "tab") return;
            event.preventDefault();
            choose((here.chosen + way + here.units.length) % here.units.length, true);
        });
        const rebuild = () => {
            tabs.replaceChildren(
                ...here.units.map((unit, index) => make("button", { type: "button", role: "tab", onclick: () => choose(index) }, easel.translated(`Unit ${index + 1}`))),
                here.units.length < desk.most ? make("button", { type: "button", class: "more", title: "Another unit", "aria-label": "Another unit", onclick: () => { add(fresh()); choose(here.units.length - 1, true); here.save(); } }, "+") : "",
            );
            mark();
        };
        const add = (unit) => {
            here.units.push(unit);
            unit.section = section(here, unit);
            sections.append(unit.section);
            rebuild();
        };
        here.fill = (units, chosen = 0) => {
            here.units = [];
            sections.replaceChildren();
            units.forEach(add);
            while (here.units.length < 3) add(fresh());
            choose(chosen);
        };
        here.support = () => {
            const { lacks } = checkpoint();
            note.hidden = !lacks;
            note.textContent = lacks ? easel.translated(`Control units do not act on this checkpoint. ${lacks}`) : "";
            sections.inert = tabs.inert = Boolean(lacks);
            here.units.forEach((unit) => unit.paint());
        };

        // A form was filled from elsewhere: a picture that was read, or what a reload brought back.
        here.adopt = (text) => {
            const units = listed(text);
            here.fill(units.map((values) => ({ on: true, type: ALL, values: { ...desk.unit, ...values } })));
            here.written = JSON.stringify(active());
            here.support();
        };

        const kept = noted()[panel.prefix] || {};
        const said = JSON.stringify(listed(box() && box().value));
        here.fill((kept.units || []).slice(0, desk.most).map((unit) => ({ on: Boolean(unit.on), type: unit.type in desk.types ? unit.type : ALL, values: { ...desk.unit, ...unit.values } })), kept.chosen || 0);
        here.written = JSON.stringify(active());
        if (said !== here.written) here.adopt(said);
        here.support();
        return here;
    };

    // One unit's controls.
    const section = (here, unit) => {
        const { values } = unit;
        const set = (name, value) => {
            values[name] = value;
            if (name === "model") values.model_hash = values.encoder = values.encoder_hash = "";
            if (name === "module") values.annotator = values.annotator_hash = "";
            here.save();
            paint();
        };
        const shown = {};
        const row = (...parts) => make("div", { class: "row" }, ...parts);
        const check = (label, read, write) => {
            const input = make("input", { type: "checkbox", onchange: () => write(input.checked) });
            shown[label] = () => { input.checked = read(); };
            return make("label", { class: "check" }, input, make("span", {}, label));
        };
        const menu = (label, read, options, write) => {
            const select = make("select", { onchange: () => write(select.value) });
            const field = make("label", { class: "field" }, make("span", {}, label), select);
            shown[label] = () => {
                select.replaceChildren(...options());
                select.value = read();
            };
            return field;
        };
        const slider = (label, name, dial) => {
            const number = make("input", { type: "number", step: "any", "aria-label": label });
            const range = make("input", { type: "range", "aria-label": label });
            const caption = make("span", {}, label);
            const field = make("div", { class: "field slider" }, caption, number, range);
            const write = (text) => {
                const { minimum, maximum } = dial();
                const value = Number(text);
                if (text === "" || !Number.isFinite(value)) return;
                set(name, Math.min(Math.max(value, minimum), maximum));
            };
            range.addEventListener("input", () => write(range.value));
            number.addEventListener("change", () => write(number.value));
            shown[name] = () => {
                const known = dial();
                field.hidden = !known;
                if (!known) return;
                const value = values[name] < known.minimum ? known.value : values[name];
                caption.textContent = known.label;
                number.setAttribute("aria-label", known.label);
                range.setAttribute("aria-label", known.label);
                Object.assign(range, { min: known.minimum, max: Math.min(known.maximum, known.usual || known.maximum), step: known.step });
                Object.assign(number, { min: known.minimum, max: known.maximum, step: known.step });
                range.value = number.value = value;
            };
            return field;
        };
        const radios = (legend, name) => {
            const group = make("div", { class: "choices", role: "radiogroup", "aria-label": legend });
            const id = `${here.panel.prefix}-${name}-${Math.random().toString(36).slice(2)}`;
            for (const option of desk.lists[name]) {
                const input = make("input", { type: "radio", name: id, value: option, onchange: () => set(name, option) });
                group.append(make("label", { class: "check" }, input, make("span", {}, option)));
            }
            shown[legend] = () => group.querySelectorAll("input").forEach((input) => { input.checked = input.value === values[name]; });
            return make("div", { class: "field" }, make("span", {}, legend), group);
        };
        const plain = (name, shownName = name) => make("option", { value: name }, shownName);
        const fixed = (label, minimum, maximum, step, usual) => ({ label, minimum, maximum, step, usual, value: minimum });

        // The picture, and what the preprocessor makes of it.
        const canvasPlace = make("div", { class: "easel-canvas" });
        const map = make("img", { alt: "", hidden: true });
        let canvas = null;
        let drawing = null;
        let arriving = false;
        const brought = async () => {
            if (arriving) return;
            try {
                const { picture, mask } = await canvas.references();
                if (picture === values.image && mask === values.mask) return;
                Object.assign(values, { image: picture, mask });
                if (picture && !unit.on && !values.model) unit.on = true;
                map.hidden = true;
                here.save();
                paint();
            } catch (error) {
                easel.say(error.message, "error", "The picture could not be brought over");
            }
        };
        const furnish = async () => {
            const draws = module(values.module).masked ? "mask" : "";
            if (canvas && drawing === draws) return;
            drawing = draws;
            const host = make("div", { class: "easel-canvas" });
            canvasPlace.replaceChildren(host);
            const hint = here.panel.prefix === "img2img" ? "Without a picture here, the start picture is used." : "";
            canvas = easel.canvas(host, { draws, name: "Control picture", hint, changed: brought });
            if (!values.image) return;
            arriving = true;
            await canvas.load(values.image, values.mask && draws ? [{ kind: "mask", reference: values.mask }] : []).catch(() => easel.say("The picture of a control unit is not on this machine any more. Give it again.", "error"));
            arriving = false;
        };
        canvasPlace.className = "easel-control-canvas";
        const preview = make("button", { type: "button", class: "tool wide", onclick: async () => {
            preview.disabled = true;
            const asked = values.module;
            try {
                const size = { width: Number(here.panel.number("width").value), height: Number(here.panel.number("height").value) };
                const answer = await fetch(easel.url("control/map"), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ unit: values, ...size }) });
                if (!answer.ok) {
                    const found = await answer.json().catch(() => ({}));
                    throw new Error([found.detail || `The server answered ${answer.status}.`, found.remedy || ""].join(" ").trim());
                }
                if (map.src) URL.revokeObjectURL(map.src);
                map.src = URL.createObjectURL(await answer.blob());
                map.alt = "What the preprocessor makes of the picture";
                map.dataset.module = asked;
                map.hidden = map.dataset.module !== values.module;
            } catch (error) {
                easel.say(error.message, "error", "No preview");
            } finally {
                preview.disabled = false;
            }
        } }, "💥 Preview the map");

        const types = () => [ALL, ...Object.keys(desk.types)].map((name) => plain(name));
        const modules = () => desk.modules.filter((one) => one.name === "none" || one.name === values.module || unit.type === ALL || one.tags.includes(unit.type)).map((one) => plain(one.name));
        const models = () => {
            const words = desk.types[unit.type] || [];
            const fitting = desk.models.filter((one) => one.name === values.model || unit.type === ALL || (unit.type === "IP-Adapter" ? one.kind === IP : words.some((word) => one.name.toLowerCase().includes(word))));
            const own = checkpoint().base;
            const other = (one) => own && one.base && one.base !== own;
            const rows = [plain("", easel.translated("None")), ...fitting.filter((one) => !other(one)).map((one) => plain(one.name))];
            const others = fitting.filter(other);
            if (others.length) rows.push(make("optgroup", { label: "Made for another kind of checkpoint" }, ...others.map((one) => plain(one.name, one.made ? `${one.name} (${one.made})` : one.name))));
            if (values.model && !desk.models.some((one) => one.name === values.model)) rows.push(plain(values.model));
            return rows;
        };
        const typed = (kind) => {
            unit.type = kind;
            const usual = desk.modules.find((one) => one.tags.includes(kind) && !one.missing);
            values.module = kind === ALL ? values.module : usual ? usual.name : "none";
            const words = desk.types[kind] || [];
            const fitting = desk.models.filter((one) => (kind === "IP-Adapter" ? one.kind === IP : words.some((word) => one.name.toLowerCase().includes(word))) && (!checkpoint().base || !one.base || one.base === checkpoint().base));
            const found = fitting.find((one) => one.kind !== UNION) || fitting[0];
            if (kind !== ALL) values.union = desk.unions[kind] || desk.unit.union;
            if (kind !== ALL) values.threshold_a = values.threshold_b = -1;
            if (kind !== ALL && found) set("model", found.name);
            else set("module", values.module);
        };
        const refresh = make("button", { type: "button", class: "tool", title: "Look for new control models", "aria-label": "Look for new control models", onclick: async () => {
            refresh.disabled = true;
            try {
                await easel.ask("control/refresh", {});
                asking = null;
                await furnished();
                Object.values(places).forEach((one) => one.support());
            } catch (error) {
                easel.say(error.message, "error");
            } finally {
                refresh.disabled = false;
            }
        } }, "🔄");
        const hint = make("p", { class: "hint" });
        const missing = make("p", { class: "hint", hidden: true }, "There is no control model yet. Put ControlNets, T2I-Adapters and IP-Adapters into models/ControlNet.");
        const hires = menu("Passes of Hires. fix", () => values.hires, () => desk.lists.hires.map((name) => plain(name, easel.translated(name))), (name) => set("hires", name));
        const injection = menu("What an IP-Adapter takes over", () => values.injection, () => desk.lists.injection.map((name) => plain(name, easel.translated(name))), (name) => set("injection", name));
        const union = menu("Kind of control picture", () => values.union, () => desk.lists.union.map((name) => plain(name, easel.translated(name === desk.unit.union ? "As the preprocessor" : name))), (name) => set("union", name));
        const fit = radios("Resize mode", "resize_mode");
        const mode = radios("Control mode", "mode");
        const perfect = check("Pixel perfect", () => values.pixel_perfect, (on) => set("pixel_perfect", on));
        const resolution = slider("Preprocessor resolution", "resolution", () => module(values.module).sized && !values.pixel_perfect ? fixed("Preprocessor resolution", 64, 4096, 8, 2048) : null);
        const dial = (index) => () => module(values.module).dials[index] || null;

        const paint = () => {
            Object.values(shown).forEach((show) => show());
            const known = module(values.module);
            const picture = kindOf(values.model) === IP;
            hint.textContent = [known.hint, known.missing].filter(Boolean).map((text) => easel.translated(text)).join(" ");
            missing.hidden = desk.models.length > 0;
            if (map.dataset.module !== values.module) map.hidden = true; // what another preprocessor made
            preview.hidden = !values.image || known.name === "none" || known.missing || picture;
            injection.hidden = !picture;
            union.hidden = kindOf(values.model) !== UNION;
            fit.hidden = mode.hidden = picture;
            perfect.hidden = !known.sized;
            hires.hidden = here.panel.prefix !== "txt2img";
            furnish();
        };
        unit.paint = paint;
        const whole = make("div", { class: "easel-control-unit", role: "tabpanel" },
            row(check("Enable", () => unit.on, (on) => { unit.on = on; here.save(); }), perfect),
            make("div", { class: "pictures" }, canvasPlace, map),
            row(preview),
            missing,
            row(menu("Control type", () => unit.type, types, typed), menu("Preprocessor", () => values.module, modules, (name) => { values.threshold_a = values.threshold_b = -1; set("module", name); })),
            row(menu("Model", () => values.model, models, (name) => set("model", name)), refresh),
            hint,
            row(slider("Control weight", "weight", () => fixed("Control weight", 0, 2, 0.05)), slider("Starting control step", "start", () => fixed("Starting control step", 0, 1, 0.01)), slider("Ending control step", "end", () => fixed("Ending control step", 0, 1, 0.01))),
            row(resolution, slider("Threshold A", "threshold_a", dial(0)), slider("Threshold B", "threshold_b", dial(1))),
            mode,
            fit,
            row(union, injection, hires),
        );
        paint();
        return whole;
    };

    // The box of a form changed (ui/control.py).
    easel.control = {
        arrived: (prefix, text) => {
            const here = places[prefix];
            if (here && desk && JSON.stringify(listed(text)) !== here.written) here.adopt(text);
        },
    };

    easel.when(".easel-control", async (host) => {
        try {
            await furnished();
        } catch (error) {
            host.replaceChildren(make("p", { class: "easel-control-note" }, error.message));
            return;
        }
        place(host);
    });
    // Another checkpoint may be one that control units do not act on.
    easel.when("#setting_sd_model_checkpoint input", (input) => {
        let before = "";
        const look = () => {
            if (!desk || input.value === before) return;
            before = input.value;
            Object.values(places).forEach((here) => here.support());
        };
        for (const kind of ["change", "blur", "input"]) input.addEventListener(kind, () => setTimeout(look, 50));
    });
})();
