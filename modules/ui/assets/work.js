// Work on model files, from the Models tab (ui/models.py): what is going on, converting, merging, card pictures, the trash.
"use strict";
(() => {
    const easel = window.easel;
    const models = easel.models;
    const make = easel.make;
    const PACE = 400;
    const OVER = ["done", "failed", "cancelled"];

    // What is going on, above the cards. Asked for only while something is.
    const notices = [];
    let tasks = [];
    let looked = false;
    let timer = 0;
    const button = (label, title, act, look = "tool wide") => make("button", { type: "button", class: look, title, "aria-label": title, onclick: act }, label);
    const act = async (path) => {
        try {
            await easel.ask(path, {});
        } catch (error) {
            easel.say(error.message, "error");
        }
        models.watch();
    };
    const told = (task) => task.state === "failed" ? [task.error.detail, task.error.remedy].join(" ").trim() : task.state === "cancelled" ? (task.left ? "Cancelled. What is there is gone on with when it is fetched again." : "Cancelled") : task.state === "waiting" ? "Waiting" : task.said;
    const full = (task) => {
        const over = OVER.includes(task.state);
        const bar = over ? null : make("div", { class: "bar", role: "progressbar", "aria-label": task.title, "aria-valuemin": "0", "aria-valuemax": "100" }, make("div", {}));
        const end = over ? button("×", "Put this line away", () => act(`stock/tasks/${task.id}/forget`), "tool") : button("Cancel", `Cancel: ${task.title}`, () => act(`stock/tasks/${task.id}/cancel`));
        const left = task.left ? button("Delete what is there", `Delete what is there of ${task.title}`, () => act(`stock/tasks/${task.id}/discard`)) : null;
        const look = task.state === "done" && task.made ? button("Show", `Show ${task.title}`, () => models.find(task.made)) : null;
        return make("li", { class: task.state, "data-task": task.id }, make("div", { class: "words" }, make("b", {}, task.title), make("span", { class: "said" }), bar), left, look, end);
    };
    // A task that only goes on keeps its line, so that its buttons can be pressed.
    const lines = new Map();
    const line = (task) => {
        const kind = JSON.stringify([task.state, task.left, task.made, task.title]);
        let kept = lines.get(task.id);
        if (!kept || kept.kind !== kind) lines.set(task.id, kept = { kind, element: full(task) });
        const said = kept.element.querySelector(".said");
        if (said.textContent !== told(task)) said.textContent = told(task);
        const bar = kept.element.querySelector(".bar");
        if (bar) {
            bar.setAttribute("aria-valuenow", String(Math.round(task.share * 100)));
            bar.firstElementChild.style.width = `${task.share * 100}%`;
        }
        return kept.element;
    };
    const put = (notice) => {
        const away = () => {
            notices.splice(notices.indexOf(notice), 1);
            paint();
        };
        const { text, label, undo } = notice;
        notice.element ||= make("li", {}, make("div", { class: "words" }, make("span", {}, text)), button(label, label, () => { away(); undo(); }), button("×", "Put this line away", away, "tool"));
        return notice.element;
    };
    const paint = () => {
        const place = models.part(".tasks");
        if (!place) return;
        const held = document.activeElement && place.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : "";
        easel.arrange(place, [...notices.map(put), ...tasks.map(line)]);
        for (const id of lines.keys()) if (!tasks.some((task) => task.id === id)) lines.delete(id);
        const again = held && [...place.querySelectorAll("button")].find((one) => one.getAttribute("aria-label") === held);
        if (again) again.focus();
    };
    // A line with a way back.
    models.notice = (text, label, undo) => {
        notices.push({ text, label, undo });
        if (notices.length > 3) notices.shift();
        paint();
    };
    models.watch = async () => {
        clearTimeout(timer);
        const before = new Map(tasks.map((task) => [task.id, task.state]));
        const first = !looked;
        try {
            tasks = (await easel.ask("stock/tasks")).tasks;
            looked = true;
        } catch { /* the next look may succeed */ }
        // A short one may be done before it was ever seen; what was done before the page came is in its list.
        if (!first && tasks.some((task) => task.state === "done" && before.get(task.id) !== "done")) models.load();
        paint();
        if (tasks.some((task) => !OVER.includes(task.state))) timer = setTimeout(models.watch, PACE);
    };
    models.find = (id) => {
        const row = models.row(id);
        if (row) models.open(row);
    };
    easel.when("#easel_models .tasks", () => models.watch());

    // -> true when it was started; says why not otherwise.
    models.start = async (path, body, said) => {
        try {
            await easel.ask(path, body);
            models.watch();
            return true;
        } catch (error) {
            said.textContent = error.message;
            said.classList.add("error");
            return false;
        }
    };
    models.button = button;
    const options = (entries, chosen = "") => entries.map(([value, label]) => make("option", { value, selected: value === chosen }, label));
    const field = (label, box, hint = "") => make("label", {}, make("span", {}, label), hint ? make("small", {}, hint) : null, box);
    const select = (entries, chosen) => make("select", {}, ...options(entries, chosen));
    Object.assign(models, { field, select });
    const PRECISIONS = [["as it is", "As it is"], ["fp16", "fp16"], ["bf16", "bf16"], ["fp32", "fp32"]];

    // Converting: a page of the model's dialog.
    models.section("Convert", (place, row, detail, dialog) => {
        const precision = select(PRECISIONS, "fp16");
        const averages = select([["drop", "Leave out"], ["use", "Use in place of the plain weights"], ["keep", "Keep"]], "drop");
        const file = /\.(safetensors|ckpt|pt|pth|bin)$/i.test(row.file);
        const whole = row.group === "checkpoint";
        const layout = select(file ? [["as it is", "As it is"], ...(whole ? [["diffusers folder", "A diffusers folder"]] : [])] : [["single file", "A single file"]]);
        const name = make("input", { type: "text", maxlength: 200 });
        const paintForm = () => {
            const plain = layout.value === "as it is";
            boxPrecision.hidden = !plain;
            boxAverages.hidden = !plain || !whole;
            name.placeholder = !plain ? row.name : precision.value === "as it is" ? `${row.name}-no-ema` : `${row.name}-${precision.value}`;
        };
        const boxPrecision = field("Precision", precision);
        const boxAverages = field("Averaged weights (EMA)", averages);
        const said = make("p", { class: "said", role: "status" });
        const form = make("form", {}, make("p", { class: "hint" }, "Writes a new safetensors file beside the others; this one stays as it is. Pickles are read in a process of their own that runs nothing of them."), whole ? field("Layout", layout, "Another one keeps precision and weights as they are, to the bit.") : "", boxPrecision, boxAverages, field("Name", name), make("div", { class: "actions" }, make("button", { type: "submit", class: "primary" }, "Convert")), said);
        form.addEventListener("change", paintForm);
        paintForm();
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            if (await models.start("stock/convert", { model: row.id, precision: precision.value, averages: averages.value, layout: layout.value, name: name.value }, said)) dialog.close();
        });
        place.append(form);
    }, (row) => !row.trouble && /\.(safetensors|ckpt|pt|pth|bin)$/i.test(row.file) || row.group === "checkpoint" && !/\.\w+$/.test(row.file));

    // Merging, with A1111's names.
    const merging = () => {
        const usable = models.all.filter((row) => row.group === "checkpoint" && !row.trouble && /\.\w+$/.test(row.file)).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
        const entries = [["", "–"], ...usable.map((row) => [row.id, `${row.name}${models.family(row) ? ` (${models.family(row)})` : ""}`])];
        const own = models.checkpoint();
        const [a, b, c] = [select(entries, own ? own.id : ""), select(entries), select(entries)];
        const vae = select([["", "None"], ...models.all.filter((row) => row.kind === "vae").map((row) => [row.id, row.name])]);
        const method = select([["Weighted sum", "Weighted sum"], ["Add difference", "Add difference"], ["No interpolation", "No interpolation"]]);
        const multiplier = make("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.3 });
        const number = make("input", { type: "number", min: 0, max: 1, step: "any", value: 0.3, "aria-label": "Multiplier (M)" });
        const precision = select(PRECISIONS, "fp16");
        const name = make("input", { type: "text", maxlength: 200 });
        const formula = make("p", { class: "hint", role: "status" });
        const said = make("p", { class: "said", role: "status" });
        const word = (box) => box.value ? box.selectedOptions[0].textContent.replace(/ \([^()]*\)$/, "") : "";
        const paintForm = () => {
            const how = method.value;
            boxB.hidden = how === "No interpolation";
            boxC.hidden = how !== "Add difference";
            boxM.hidden = how === "No interpolation";
            const m = Math.round(Number(number.value) * 100) / 100;
            const rest = Math.round((1 - m) * 100) / 100;
            const [nameA, nameB, nameC] = [[a, "A"], [b, "B"], [c, "C"]].map(([box, letter]) => word(box) || letter);
            const told = how === "Weighted sum" ? `${rest}(${nameA}) + ${m}(${nameB})` : how === "Add difference" ? `${nameA} + ${m}(${nameB} - ${nameC})` : nameA;
            name.placeholder = told;
            formula.textContent = told;
        };
        const boxB = field("Secondary model (B)", b);
        const boxC = field("Tertiary model (C)", c);
        const boxM = make("div", { class: "slider" }, make("label", {}, make("span", {}, "Multiplier (M)"), multiplier), number);
        multiplier.addEventListener("input", () => { number.value = multiplier.value; paintForm(); });
        number.addEventListener("input", () => { multiplier.value = number.value; paintForm(); });
        const form = make("form", {}, field("Primary model (A)", a), boxB, boxC, field("Interpolation method", method), boxM, formula, make("div", { class: "pair" }, field("Bake in VAE", vae), field("Precision", precision)), field("Custom name", name), make("div", { class: "actions" }, make("button", { type: "submit", class: "primary" }, "Merge")), said);
        form.addEventListener("change", paintForm);
        paintForm();
        const dialog = easel.dialog("easel_merge", "Merge checkpoints", form);
        dialog.addEventListener("close", () => dialog.remove());
        form.addEventListener("submit", async (event) => {
            event.preventDefault();
            said.textContent = "";
            const mix = { method: method.value, multiplier: Number(number.value), precision: precision.value };
            if (await models.start("stock/merge", { a: a.value, b: boxB.hidden ? "" : b.value, c: boxC.hidden ? "" : c.value, vae: vae.value, name: name.value, mix }, said)) dialog.close();
        });
        dialog.show();
    };

    // The trash.
    const trash = () => {
        const place = make("ul", {});
        const status = make("p", { class: "none", role: "status" });
        const dialog = easel.dialog("easel_trash", "Trash", place, status);
        dialog.addEventListener("close", () => dialog.remove());
        const fill = async () => {
            try {
                const { trash: found } = await easel.ask("stock/trash");
                place.replaceChildren(...found.map((one) => make("li", {}, make("div", { class: "words" }, make("b", {}, one.name), make("span", { class: "more" }, `${models.size(one.size)} · ${new Date(one.when * 1000).toLocaleString([], { dateStyle: "short", timeStyle: "short" })} · ${one.folder}`)),
                    button("Put back", `Put back: ${one.name}`, () => undo(one, fill)),
                    button("Delete for good", `Delete for good: ${one.name}`, async (event) => {
                        if (event.target.dataset.sure !== "1") {
                            event.target.dataset.sure = "1";
                            event.target.textContent = "Really delete?";
                            return;
                        }
                        await act2("stock/empty", { ids: [one.id] }, fill);
                    }))));
                status.textContent = found.length ? "" : "The trash is empty.";
            } catch (error) {
                status.textContent = error.message;
            }
        };
        const act2 = async (path, body, then) => {
            try {
                await easel.ask(path, body);
                then();
            } catch (error) {
                status.textContent = error.message;
            }
        };
        dialog.show();
        fill();
    };
    const undo = async (one, then) => {
        try {
            await easel.ask(`stock/trash/${one.id}/restore`, {});
            models.load();
            if (then) then();
        } catch (error) {
            easel.say(error.message, "error");
        }
    };

    // Below the notes of a model: its card's picture, and away with it.
    models.foot = (row, dialog) => {
        const panel = models.target();
        const shown = panel.shown;
        const picture = button("🖼️ Use the shown picture", shown ? `Make the picture that ${panel.prefix} shows the card's picture` : "No picture is shown in the gallery yet", async () => {
            try {
                await easel.ask(`models/${row.id}/picture`, { job: shown.job, number: shown.number });
                models.load();
                easel.say(row.name, "note", "The card has a new picture");
            } catch (error) {
                easel.say(error.message, "error");
            }
        });
        picture.disabled = !shown;
        const away = button("🗑️ Move to trash", "Move this model, and what lies beside it, to the trash", async () => {
            try {
                const gone = await easel.ask(`models/${row.id}/trash`, {});
                dialog.close();
                models.load();
                models.notice(`${gone.name} is in the trash.`, "Undo", () => undo(gone));
            } catch (error) {
                easel.say(error.message, "error");
            }
        });
        return make("div", { class: "actions foot" }, picture, away);
    };

    models.acts.push(["merge", "Merge", "Merge checkpoints into a new one", merging], ["trash", "Trash", "Look into the trash", trash]);
})();
