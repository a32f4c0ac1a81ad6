// A canvas: shows a picture at any zoom, and takes strokes on a layer of the picture's true size, by mouse, pen, touch or keys. Knows no mode and no form.
// Strokes are kept as what was done, not as pixels: undo draws the others again, and a reload of the page brings them back.
"use strict";
(() => {
    const easel = window.easel;
    const INK = "#b41cff";
    const CLOSEST = 32;
    const UNDONE_KEPT = 500;
    const canvases = [];

    // Keeps a picture on the server. -> {reference, width, height}. Throws an Error whose message is for a person.
    easel.upload = async (blob) => {
        const answer = await fetch(easel.url("inputs"), { method: "POST", headers: { "content-type": blob.type || "application/octet-stream", accept: "application/json, text/html" }, body: blob });
        const found = await answer.json().catch(() => ({}));
        if (!answer.ok) throw new Error([found.detail || `The server answered ${answer.status}.`, found.remedy || ""].join(" ").trim());
        return found;
    };
    easel.inputUrl = (reference) => easel.url(`inputs/${reference.replace("sha256:", "")}`);

    const loaded = (url) => new Promise((done, failed) => {
        const image = new Image();
        image.onload = () => done(image);
        image.onerror = failed;
        image.src = url;
    });
    const sheet = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
    const png = (surface) => new Promise((done, failed) => surface.toBlob((blob) => blob ? done(blob) : failed(new Error("The picture is too large for this browser.")), "image/png"));

    // White and black of a mask as ink and nothing.
    const inked = (mask, width, height) => {
        const surface = sheet(width, height);
        const context = surface.getContext("2d");
        context.drawImage(mask, 0, 0, width, height);
        const pixels = context.getImageData(0, 0, width, height);
        for (let at = 0; at < pixels.data.length; at += 4) pixels.data[at + 3] = Math.round((pixels.data[at] + pixels.data[at + 1] + pixels.data[at + 2]) / 3);
        context.putImageData(pixels, 0, 0);
        context.globalCompositeOperation = "source-in";
        context.fillStyle = INK;
        context.fillRect(0, 0, width, height);
        return surface;
    };

    const tool = (glyph, name, onclick, more = {}) => {
        const button = easel.make("button", { type: "button", class: "tool", title: name, "aria-label": name, onclick, ...more });
        if (glyph.startsWith("M")) button.innerHTML = `<svg viewBox="0 0 16 16" width="16" height="16" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" aria-hidden="true"><path d="${glyph}"/></svg>`;
        else button.textContent = glyph;
        return button;
    };
    // Drawn, because fonts lack them.
    const WHOLE = "M2.5 2.5h11v11h-11z M5.5 8h5 M8 5.5v5";
    const CORNERS = "M2 6V2h4 M10 2h4v4 M14 10v4h-4 M6 14H2v-4";

    // host: the element to furnish. draws: "", "mask" or "colour". name: for screen readers. changed(): called when there is something new to remember.
    easel.canvas = (host, { draws = "", name = "Picture", hint = "", changed = () => undefined }) => {
        const canvas = { host, draws, picture: null, ops: [], version: 0, frame: { left: 0, top: 0, right: 0, bottom: 0 }, watchers: [] };
        const stamps = new Map();
        let undone = [];
        let stroke = null;
        let erasing = false;
        let size = 24;
        let view = { scale: 1, x: 0, y: 0, fits: true };
        let cursor = { x: 0, y: 0 };
        let penDown = false;
        let panning = false;
        let arrival = 0;
        let uploading = Promise.resolve();
        let painted = { version: -1, reference: "" };
        const touches = new Map();
        let pinch = null;

        // Parts
        const file = easel.make("input", { type: "file", accept: "image/*", hidden: true, "aria-label": `${name}: choose a file` });
        const image = easel.make("img", { alt: name, draggable: "false" });
        const ink = sheet(1, 1);
        ink.setAttribute("aria-hidden", "true");
        const paper = easel.make("div", { class: `paper ${draws}` }, image, ink);
        const ring = easel.make("div", { class: "ring", hidden: true });
        const help = draws ? "Arrow keys move the brush, Space puts it down or lifts it, Q and W change its size, Ctrl+Z undoes." : "Alt+wheel zooms, F and moving drags, R resets.";
        const stage = easel.make("div", { class: "view", tabindex: "0", role: "application", "aria-label": `${name}. ${help}` }, paper, ring);
        const empty = easel.make("button", { type: "button", class: "empty", onclick: () => file.click() }, easel.make("b", {}, hint || "Drop a picture here"), easel.make("span", {}, "or click to choose one, or paste it with Ctrl+V"));
        const slider = easel.make("input", { type: "range", min: "1", max: "200", value: "24", class: "size", title: "Brush size (Q, W or Ctrl+wheel)", "aria-label": "Brush size, pixels of the picture", oninput: () => resize(Number(slider.value)) });
        const told = easel.make("output", { class: "told" }, "24");
        const colour = easel.make("input", { type: "color", value: "#c8402a", title: "Colour of the brush", "aria-label": "Colour of the brush", class: "pick" });
        const undoButton = tool("↶", "Undo (Ctrl+Z)", () => canvas.undo());
        const redoButton = tool("↷", "Redo (Ctrl+Shift+Z)", () => canvas.redo());
        const clearButton = tool("🗑️", draws === "mask" ? "Clear the mask" : "Clear the strokes", () => canvas.clear());
        const eraser = tool("🧽", "Eraser (E)", () => erase(!erasing), { "aria-pressed": "false" });
        const drawing = draws ? [undoButton, redoButton, clearButton, eraser, easel.make("span", { class: "brush" }, slider, told), ...(draws === "colour" ? [colour] : [])] : [];
        const bar = easel.make("div", { class: "bar", role: "toolbar", "aria-label": `${name}: tools` },
            ...drawing,
            easel.make("span", { class: "gap-between" }),
            tool("−", "Zoom out (Alt+wheel)", () => zoom(1 / 1.25)),
            tool("+", "Zoom in (Alt+wheel)", () => zoom(1.25)),
            tool(WHOLE, "Whole picture (R)", () => fit()),
            tool(CORNERS, "Full screen (S)", () => full()),
            tool("📁", "Choose another picture", () => file.click()),
            tool("✕", "Remove the picture", () => canvas.remove()));
        host.replaceChildren(empty, bar, stage, file);

        const tell = () => {
            canvas.version += 1;
            changed();
            buttons();
            for (const watch of canvas.watchers) watch();
        };
        const buttons = () => {
            host.classList.toggle("filled", Boolean(canvas.picture));
            undoButton.disabled = !canvas.ops.length;
            redoButton.disabled = !undone.length;
            clearButton.disabled = !canvas.ops.length || canvas.ops.at(-1).kind === "clear";
            told.textContent = String(size);
        };

        // View
        const place = () => {
            paper.style.transform = `translate(${view.x}px, ${view.y}px) scale(${view.scale})`;
            paper.classList.toggle("large", view.scale >= 6);
            point();
            for (const watch of canvas.watchers) watch();
        };
        const fit = () => {
            const { picture, frame } = canvas;
            if (!picture || !stage.clientWidth) return;
            const width = picture.width + frame.left + frame.right;
            const height = picture.height + frame.top + frame.bottom;
            const scale = Math.min(stage.clientWidth / width, stage.clientHeight / height, 8);
            view = { scale, x: (stage.clientWidth - width * scale) / 2 + frame.left * scale, y: (stage.clientHeight - height * scale) / 2 + frame.top * scale, fits: true };
            place();
        };
        const zoom = (by, at = { x: stage.clientWidth / 2, y: stage.clientHeight / 2 }) => {
            if (!canvas.picture) return;
            const least = Math.min(stage.clientWidth / canvas.picture.width, stage.clientHeight / canvas.picture.height, 1) / 4;
            const scale = Math.min(Math.max(view.scale * by, least), CLOSEST);
            view = { scale, x: at.x - (at.x - view.x) * (scale / view.scale), y: at.y - (at.y - view.y) * (scale / view.scale), fits: false };
            place();
        };
        const pan = (x, y) => {
            view = { ...view, x: view.x + x, y: view.y + y, fits: false };
            place();
        };
        const settled = () => { if (view.fits) fit(); };
        new ResizeObserver(settled).observe(stage);
        const full = (on = !host.classList.contains("full")) => {
            host.classList.toggle("full", on);
            host.classList.remove("over");
            view.fits = true;
            requestAnimationFrame(fit);
        };
        const over = () => {
            host.classList.toggle("over");
            view.fits = true;
            requestAnimationFrame(fit);
        };

        // Brush
        const limit = () => Math.max(2, Math.round(Math.min(canvas.picture.width, canvas.picture.height) / 2));
        const resize = (wanted) => {
            size = Math.round(Math.min(Math.max(wanted, 1), canvas.picture ? limit() : 200));
            slider.value = String(size);
            told.textContent = String(size);
            point();
        };
        const erase = (on) => {
            erasing = on;
            eraser.setAttribute("aria-pressed", String(on));
            ring.classList.toggle("erasing", on);
        };
        const point = () => {
            const across = size * view.scale;
            ring.style.width = ring.style.height = `${across}px`;
            ring.style.transform = `translate(${view.x + cursor.x * view.scale - across / 2}px, ${view.y + cursor.y * view.scale - across / 2}px)`;
        };

        // Strokes
        const context = () => ink.getContext("2d", { willReadFrequently: false });
        const segment = (into, op, at) => {
            const [x, y] = [op.points[at * 2], op.points[at * 2 + 1]];
            into.save();
            into.globalCompositeOperation = op.kind === "erase" ? "destination-out" : "source-over";
            into.fillStyle = into.strokeStyle = op.colour;
            into.beginPath();
            if (at === 0) {
                into.arc(x, y, op.size / 2, 0, 2 * Math.PI);
                into.fill();
            } else {
                into.lineWidth = op.size;
                into.lineCap = "round";
                into.moveTo(op.points[at * 2 - 2], op.points[at * 2 - 1]);
                into.lineTo(x, y);
                into.stroke();
            }
            into.restore();
        };
        const redraw = () => {
            const into = context();
            into.clearRect(0, 0, ink.width, ink.height);
            for (const op of canvas.ops) {
                if (op.kind === "clear") into.clearRect(0, 0, ink.width, ink.height);
                else if (op.kind === "mask") into.drawImage(stamps.get(op.reference) || sheet(1, 1), 0, 0);
                else for (let at = 0; at * 2 < op.points.length; at += 1) segment(into, op, at);
            }
        };
        const begin = (x, y) => {
            stroke = { kind: erasing ? "erase" : "draw", colour: draws === "mask" ? INK : colour.value, size, points: [] };
            extend(x, y);
        };
        const extend = (x, y) => {
            stroke.points.push(Math.round(x * 10) / 10, Math.round(y * 10) / 10);
            segment(context(), stroke, stroke.points.length / 2 - 1);
        };
        const end = () => {
            if (!stroke) return;
            canvas.ops.push(stroke);
            stroke = null;
            undone = [];
            tell();
        };
        const forget = () => {
            stroke = null;
            redraw();
        };
        canvas.undo = () => {
            if (stroke || !canvas.ops.length) return;
            undone = [...undone.slice(-UNDONE_KEPT), canvas.ops.pop()];
            redraw();
            tell();
        };
        canvas.redo = () => {
            if (stroke || !undone.length) return;
            canvas.ops.push(undone.pop());
            redraw();
            tell();
        };
        canvas.clear = () => {
            if (!canvas.ops.length) return;
            canvas.ops.push({ kind: "clear" });
            undone = [];
            redraw();
            tell();
        };
        // Whether there is anything on the layer, by its pixels: strokes may have been rubbed out again.
        canvas.drawn = () => {
            if (!canvas.picture || !canvas.ops.length) return false;
            const { data } = context().getImageData(0, 0, ink.width, ink.height);
            for (let at = 3; at < data.length; at += 4) if (data[at]) return true;
            return false;
        };

        // Pictures
        const show = (picture, source, ops) => {
            canvas.picture = picture;
            canvas.ops = ops;
            undone = [];
            stroke = null;
            penDown = false;
            image.src = source.src;
            Object.assign(ink, { width: picture.width, height: picture.height });
            paper.style.width = `${picture.width}px`;
            paper.style.height = `${picture.height}px`;
            slider.max = String(limit());
            resize(Math.max(2, Math.round(Math.min(picture.width, picture.height) / 10)));
            cursor = { x: picture.width / 2, y: picture.height / 2 };
            redraw();
            buttons();
            fit();
        };
        // A file of the person's: shown at once, and meanwhile brought to the server.
        canvas.take = async (blob) => {
            const turn = (arrival += 1);
            const url = URL.createObjectURL(blob);
            const sent = easel.upload(blob);
            uploading = sent.catch(() => undefined);
            const source = await loaded(url).catch(() => null);
            if (source && turn === arrival) show({ reference: "", width: source.naturalWidth, height: source.naturalHeight }, source, []);
            try {
                const kept = await sent;
                if (turn !== arrival) return;
                if (source) canvas.picture.reference = kept.reference;
                else await canvas.load(kept.reference);  // a format that only the server reads
                tell();
            } catch (error) {
                if (turn !== arrival) return;
                canvas.remove();
                easel.say(error.message, "error", "This picture cannot be used");
            }
        };
        // A picture that the server has. ops: strokes to go on from. Throws when it is not there.
        canvas.load = async (reference, ops = []) => {
            const turn = (arrival += 1);
            const source = await loaded(easel.inputUrl(reference));
            if (turn !== arrival) return;
            const picture = { reference, width: source.naturalWidth, height: source.naturalHeight };
            for (const op of ops.filter((one) => one.kind === "mask")) {
                const mask = await loaded(easel.inputUrl(op.reference));
                stamps.set(op.reference, inked(mask, picture.width, picture.height));
            }
            if (turn !== arrival) return;
            show(picture, source, ops);
            tell();
        };
        canvas.remove = () => {
            arrival += 1;
            canvas.picture = null;
            canvas.ops = [];
            undone = [];
            image.removeAttribute("src");
            full(false);
            tell();
        };

        // What Generate sends. -> {picture, mask}: references, "" where there is none.
        canvas.references = async () => {
            await uploading;
            if (!canvas.picture) return { picture: "", mask: "" };
            const { reference } = canvas.picture;
            if (!draws || !canvas.drawn()) return { picture: reference, mask: "" };
            const surface = sheet(ink.width, ink.height);
            const into = surface.getContext("2d");
            if (painted.version !== canvas.version) {
                into.drawImage(ink, 0, 0);
                into.globalCompositeOperation = "source-in";
                into.fillStyle = "#fff";
                into.fillRect(0, 0, ink.width, ink.height);
                into.globalCompositeOperation = "destination-over";
                into.fillStyle = "#000";
                into.fillRect(0, 0, ink.width, ink.height);
                const version = canvas.version;
                const mask = (await easel.upload(await png(surface))).reference;
                let picture = reference;
                if (draws === "colour") picture = (await easel.upload(await canvas.composite())).reference;
                painted = { version, picture, mask };
            }
            return { picture: painted.picture, mask: painted.mask };
        };
        // The picture with its strokes, as a PNG.
        canvas.composite = () => {
            const surface = sheet(ink.width, ink.height);
            const into = surface.getContext("2d");
            into.drawImage(image, 0, 0, ink.width, ink.height);
            into.drawImage(ink, 0, 0);
            return png(surface);
        };
        canvas.saved = () => canvas.picture && canvas.picture.reference ? { reference: canvas.picture.reference, ops: canvas.ops } : null;
        canvas.visible = () => host.offsetParent !== null || host.classList.contains("full") && host.getClientRects().length > 0;
        canvas.fit = fit;
        canvas.view = () => view;
        canvas.stage = stage;

        // Hands
        const at = (event) => {
            const box = stage.getBoundingClientRect();
            return { x: event.clientX - box.left - stage.clientLeft, y: event.clientY - box.top - stage.clientTop };
        };
        const onPicture = ({ x, y }) => ({ x: (x - view.x) / view.scale, y: (y - view.y) / view.scale });
        const pair = () => {
            const [first, second] = [...touches.values()];
            return { x: (first.x + second.x) / 2, y: (first.y + second.y) / 2, apart: Math.hypot(first.x - second.x, first.y - second.y) };
        };
        stage.addEventListener("pointerdown", (event) => {
            if (!canvas.picture) return;
            stage.focus({ preventScroll: true });
            if (event.pointerType === "touch") {
                touches.set(event.pointerId, at(event));
                if (touches.size === 2) {
                    if (stroke) forget();
                    pinch = pair();
                }
                if (touches.size > 1) return;
            }
            stage.setPointerCapture(event.pointerId);
            cursor = onPicture(at(event));
            if (draws && event.button === 0 && !panning) begin(cursor.x, cursor.y);
            point();
            if (event.button === 1) event.preventDefault();
        });
        stage.addEventListener("pointermove", (event) => {
            if (!canvas.picture) return;
            if (touches.has(event.pointerId)) touches.set(event.pointerId, at(event));
            if (pinch && touches.size >= 2) {
                const now = pair();
                pan(now.x - pinch.x, now.y - pinch.y);
                zoom(now.apart / Math.max(pinch.apart, 1), now);
                pinch = now;
                return;
            }
            const dragged = panning || event.buttons & 4 || (!draws && event.buttons & 1 && !view.fits);
            if (dragged) pan(event.movementX, event.movementY);
            const events = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
            for (const one of events.length ? events : [event]) {
                cursor = onPicture(at(one));
                if (stroke && !dragged) extend(cursor.x, cursor.y);
            }
            point();
        });
        const lift = (event) => {
            touches.delete(event.pointerId);
            if (touches.size < 2) pinch = null;
            end();
        };
        stage.addEventListener("pointerup", lift);
        stage.addEventListener("pointercancel", lift);
        stage.addEventListener("pointerenter", () => { hovered = canvas; ring.hidden = !draws || !canvas.picture; });
        stage.addEventListener("pointerleave", () => { if (hovered === canvas) hovered = null; ring.hidden = document.activeElement !== stage; panning = false; });
        stage.addEventListener("focus", () => { ring.hidden = !draws || !canvas.picture; });
        stage.addEventListener("blur", () => { ring.hidden = true; penDown = false; end(); });
        stage.addEventListener("wheel", (event) => {
            if (!canvas.picture || !(event.altKey || event.ctrlKey || event.metaKey)) return;
            event.preventDefault();
            const by = event.deltaY || event.deltaX;
            if (event.altKey) zoom(by < 0 ? 1.15 : 1 / 1.15, at(event));
            else if (draws) resize(size * (by < 0 ? 1.12 : 1 / 1.12) + (by < 0 ? 0.6 : -0.6));
        }, { passive: false });

        // Keys. -> whether the key was meant for the canvas.
        canvas.key = (event, letter) => {
            const command = event.ctrlKey || event.metaKey;
            if (command && letter === "z") event.shiftKey ? canvas.redo() : canvas.undo();
            else if (command && letter === "y") canvas.redo();
            else if (command || event.altKey) return false;
            else if (letter === "q") resize(size - Math.max(1, Math.round(size * 0.12)));
            else if (letter === "w") resize(size + Math.max(1, Math.round(size * 0.12)));
            else if (letter === "e" && draws) erase(!erasing);
            else if (letter === "f") panning = true;
            else if (letter === "r") fit();
            else if (letter === "s") full();
            else if (letter === "o") over();
            else if (event.key === "Escape" && host.classList.contains("full")) full(false);
            else if (event.key === "+" || event.key === "=") zoom(1.25);
            else if (event.key === "-") zoom(1 / 1.25);
            else return event.target === stage && byHand(event);
            return true;
        };
        const byHand = (event) => {
            const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
            if (way && !draws) pan(-way[0] * 40, -way[1] * 40);
            else if (way) {
                const step = event.shiftKey ? 1 : Math.max(1, size / 3);
                const inside = (value, most) => Math.min(Math.max(value, 0), most);
                cursor = { x: inside(cursor.x + way[0] * step, canvas.picture.width), y: inside(cursor.y + way[1] * step, canvas.picture.height) };
                if (stroke) extend(cursor.x, cursor.y);
                ring.hidden = false;
                point();
            } else if (event.key === " " && draws) {
                if (event.repeat) return true;
                penDown = !penDown;
                penDown ? begin(cursor.x, cursor.y) : end();
            } else return false;
            return true;
        };
        canvas.release = (letter) => { if (letter === "f") panning = false; };

        file.addEventListener("change", () => {
            if (file.files.length) canvas.take(file.files[0]);
            file.value = "";
        });
        buttons();
        canvases.push(canvas);
        return canvas;
    };

    let hovered = null;
    const letterOf = (event) => (/^[a-z]$/i.test(event.key) ? event.key : event.code.replace(/^Key/, "")).toLowerCase();
    const meant = (event) => canvases.find((canvas) => canvas.host.contains(event.target)) || hovered;
    document.addEventListener("keydown", (event) => {
        const typed = event.target instanceof HTMLTextAreaElement || event.target instanceof HTMLInputElement && event.target.type !== "range";
        const canvas = meant(event);
        if (event.isComposing || typed || !canvas || !canvas.picture || !canvas.visible()) return;
        if (event.target instanceof HTMLButtonElement && [" ", "Enter"].includes(event.key)) return;
        if (canvas.key(event, letterOf(event))) {
            event.preventDefault();
            event.stopImmediatePropagation();
        }
    }, true);
    document.addEventListener("keyup", (event) => canvases.forEach((canvas) => canvas.release(letterOf(event))));

    // A picture that is dropped or pasted goes to the canvas that is meant.
    easel.canvasOf = (element) => canvases.find((canvas) => canvas.host.contains(element));
    easel.canvasInSight = () => canvases.find((canvas) => canvas.visible());
})();
