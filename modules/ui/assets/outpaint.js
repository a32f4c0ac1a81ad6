// The mode Outpaint: a frame on the canvas whose sides are dragged or moved by keys, buttons that grow a side by one click, and the size that comes out.
// The sliders hold the numbers; everything else shows them.
"use strict";
(() => {
    const easel = window.easel;
    const STEP = 64;
    const FINE = 8;
    const MOST = 8192;
    // As the boxes call them: the way that moves a side outwards, the keys that do, and the side across.
    const SIDES = {
        left: { way: -1, across: "right", key: "ArrowLeft", back: "ArrowRight", more: "ArrowUp", less: "ArrowDown", name: "Left side of the frame" },
        right: { way: 1, across: "left", key: "ArrowRight", back: "ArrowLeft", more: "ArrowUp", less: "ArrowDown", name: "Right side of the frame" },
        up: { way: -1, across: "down", key: "ArrowUp", back: "ArrowDown", more: "ArrowRight", less: "ArrowLeft", name: "Upper side of the frame" },
        down: { way: 1, across: "up", key: "ArrowDown", back: "ArrowUp", more: "ArrowRight", less: "ArrowLeft", name: "Lower side of the frame" },
    };
    const NAMES = Object.keys(SIDES);
    const flat = (side) => side === "left" || side === "right";
    const number = (side) => document.querySelector(`#img2img_outpaint_${side} input[type="number"]`);
    const grown = (side) => Math.min(MOST, Math.max(0, Math.round(Number((number(side) || {}).value) || 0)));
    const canvas = () => easel.studio.canvases.outpaint;
    const picture = () => canvas() && canvas().picture;
    let dragged = "";

    const put = (side, pixels) => {
        const value = Math.min(MOST, Math.max(0, Math.round(pixels)));
        if (value !== grown(side)) easel.put(number(side), String(value));
        show();
    };
    // The whole side comes to a multiple of 64, which suits every model; finely, what is added to one of 8.
    const snapped = (side, wanted, fine) => {
        if (fine) return Math.round(wanted / FINE) * FINE;
        const rest = (flat(side) ? picture().width : picture().height) + grown(SIDES[side].across);
        return wanted <= 0 ? 0 : Math.round((rest + wanted) / STEP) * STEP - rest;
    };

    // The frame
    const area = easel.make("div", { class: "easel-frame", hidden: true });
    const size = easel.make("span", { class: "easel-frame-size", "aria-hidden": "true", hidden: true });
    const handles = Object.fromEntries(NAMES.map((side) => [side, easel.make("div", {
        class: `easel-frame-handle ${flat(side) ? "flat" : "steep"}`, role: "slider", tabindex: "0", "aria-label": SIDES[side].name, "aria-valuemin": "0", "aria-valuemax": String(MOST),
        "aria-orientation": flat(side) ? "horizontal" : "vertical", title: "Drag this side, or move it with the arrow keys. Shift goes in steps of 8 pixels.", hidden: true,
    })]));
    const around = () => {
        const { width, height } = picture();
        const [left, right, up, down] = NAMES.map(grown);
        return { left, right, up, down, width: width + left + right, height: height + up + down };
    };
    const show = () => {
        const on = Boolean(picture());
        for (const part of [area, ...Object.values(handles)]) part.hidden = !on;
        size.hidden = true;
        const told = document.querySelector(".easel-grown");
        if (!on) {
            if (told) told.textContent = "";
            return;
        }
        const { left, right, up, down, width, height } = around();
        const grows = left + right + up + down > 0;
        if (told) told.textContent = grows ? `${picture().width} × ${picture().height} → ${width} × ${height}` : "Drag the frame, or choose how far each side grows.";
        room();
        const { scale, x, y } = canvas().view();
        Object.assign(area.style, { width: `${width * scale}px`, height: `${height * scale}px`, transform: `translate(${x - left * scale}px, ${y - up * scale}px)` });
        area.classList.toggle("grows", grows);
        size.hidden = !grows;
        size.textContent = `${width} × ${height}`;
        size.style.transform = `translate(${x + (width - left) * scale}px, ${y + (height - up) * scale + 6}px) translateX(-100%)`;
        const middle = { x: x + (width / 2 - left) * scale, y: y + (height / 2 - up) * scale };
        const lies = { left: [x - left * scale, middle.y], right: [x + (width - left) * scale, middle.y], up: [middle.x, y - up * scale], down: [middle.x, y + (height - up) * scale] };
        for (const side of NAMES) {
            const handle = handles[side];
            handle.style.transform = `translate(${lies[side][0]}px, ${lies[side][1]}px) translate(-50%, -50%)`;
            handle.style.setProperty("--long", `${(flat(side) ? height : width) * scale}px`);
            handle.setAttribute("aria-valuenow", String(grown(side)));
            handle.setAttribute("aria-valuetext", `${grown(side)} pixels`);
        }
    };
    // The whole picture in sight leaves room to drag into. Not while a side is held: the picture would move under the hand.
    const room = () => {
        if (dragged) return;
        const { width, height } = picture();
        const free = { x: Math.round(width / 6), y: Math.round(height / 6) };
        const wanted = Object.fromEntries(NAMES.map((side) => [side, grown(side) + (flat(side) ? free.x : free.y)]));
        const { frame, view, fit } = canvas();
        if (NAMES.every((side) => frame[NAMED[side]] === wanted[side])) return;
        canvas().frame = Object.fromEntries(NAMES.map((side) => [NAMED[side], wanted[side]]));
        if (view().fits) fit();
    };
    const NAMED = { left: "left", right: "right", up: "top", down: "bottom" };

    const furnish = () => {
        const { stage } = canvas();
        stage.prepend(area);
        stage.append(size, ...Object.values(handles));
        for (const [side, handle] of Object.entries(handles)) hold(side, handle, stage);
        canvas().watchers.push(show);
        show();
    };
    const hold = (side, handle, stage) => {
        let apart = 0;
        // The pointer in pixels of the picture, beyond its side.
        const beyond = (event) => {
            const box = stage.getBoundingClientRect();
            const { scale, x, y } = canvas().view();
            const { width, height } = picture();
            const at = flat(side) ? (event.clientX - box.left - stage.clientLeft - x) / scale : (event.clientY - box.top - stage.clientTop - y) / scale;
            return SIDES[side].way < 0 ? -at : at - (flat(side) ? width : height);
        };
        handle.addEventListener("pointerdown", (event) => {
            if (event.button !== 0 || !picture()) return;
            event.stopPropagation();
            event.preventDefault();
            handle.focus({ preventScroll: true });
            handle.setPointerCapture(event.pointerId);
            dragged = side;
            apart = grown(side) - beyond(event);
        });
        handle.addEventListener("pointermove", (event) => {
            if (dragged !== side) return;
            event.stopPropagation();
            put(side, snapped(side, beyond(event) + apart, event.shiftKey));
        });
        for (const kind of ["pointerup", "pointercancel"]) {
            handle.addEventListener(kind, (event) => {
                if (dragged !== side) return;
                event.stopPropagation();
                dragged = "";
                show();
            });
        }
        handle.addEventListener("keydown", (event) => {
            const { key, back, more, less } = SIDES[side];
            const way = { [key]: 1, [more]: 1, [back]: -1, [less]: -1 }[event.key];
            if (!picture() || event.ctrlKey || event.metaKey || event.altKey || !way && event.key !== "Home") return;
            event.preventDefault();
            const step = event.shiftKey ? FINE : STEP;
            const near = way ? snapped(side, grown(side) + way * step, event.shiftKey) : 0;
            put(side, near);
        });
    };

    easel.when(".easel-grow button", (button) => button.addEventListener("click", () => {
        const { side } = button.dataset;
        for (const one of side in SIDES ? [side] : NAMES) put(one, side === "none" ? 0 : grown(one) + STEP);
    }));
    for (const kind of ["input", "change"]) {
        document.addEventListener(kind, (event) => {
            if (event.target.closest && event.target.closest("#img2img_outpaint")) setTimeout(show);
        });
    }
    easel.when("#img2img_panel", () => {
        const { img2img } = easel.panels;
        const { mark } = img2img;
        img2img.mark = (...told) => { mark(...told); setTimeout(show); };  // parameters that were read fill the sliders
    });
    easel.when('.easel-mode[data-mode="outpaint"]', () => setTimeout(furnish));

    // The finished picture is the next start, in the mode that is chosen; what the form says stays.
    easel.when("#img2img_continue", (button) => button.addEventListener("click", async () => {
        const { studio } = easel;
        const { shown } = easel.panels.img2img;
        if (!shown) return easel.say("There is no finished picture yet that could be gone on from.");
        const mode = studio.canvas() ? studio.mode : "img2img";
        button.disabled = true;
        try {
            const { reference } = await easel.ask("inputs/from-job", { job: shown.job, number: shown.number });
            studio.choose(mode);
            await studio.load(mode, reference);
            studio.canvas(mode).host.scrollIntoView({ block: "nearest" });
        } catch (error) {
            easel.say(error.message, "error", "This did not work");
        }
        button.disabled = false;
    }));
})();
