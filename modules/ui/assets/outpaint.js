// The mode Outpaint: a click grows each side, and the size that comes out is told before anything is drawn.
"use strict";
(() => {
    const easel = window.easel;
    const SIDES = ["left", "right", "up", "down"];
    const STEP = 64;
    const number = (side) => document.querySelector(`#img2img_outpaint_${side} input[type="number"]`);
    const grown = (side) => Math.max(0, Math.round(Number((number(side) || {}).value) || 0));
    const told = () => {
        const place = document.querySelector(".easel-grown");
        if (!place) return;
        const picture = easel.studio.canvases.outpaint && easel.studio.canvases.outpaint.picture;
        if (!picture) place.textContent = "";
        else {
            const [left, right, up, down] = SIDES.map(grown);
            const size = `${picture.width + left + right} × ${picture.height + up + down}`;
            place.textContent = left + right + up + down ? `${picture.width} × ${picture.height} → ${size}` : "Choose how far each side grows.";
        }
    };
    const add = (sides) => {
        for (const side of sides) easel.put(number(side), String(sides.length ? grown(side) + STEP : 0));
        setTimeout(told, 60);
    };
    easel.when(".easel-grow button", (button) => button.addEventListener("click", () => {
        const { side } = button.dataset;
        if (side === "none") {
            for (const one of SIDES) easel.put(number(one), "0");
            setTimeout(told, 60);
        } else add(side === "all" ? SIDES : [side]);
    }));
    for (const kind of ["input", "change"]) {
        document.addEventListener(kind, (event) => {
            if (event.target.closest && event.target.closest("#img2img_outpaint")) setTimeout(told);
        });
    }
    easel.when('.easel-mode[data-mode="outpaint"]', () => setTimeout(() => {
        const canvas = easel.studio.canvases.outpaint;
        if (canvas) canvas.watchers.push(told);
        told();
    }));
})();
