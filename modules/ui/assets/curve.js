// A curve drawn as SVG: losses by step, one thin line as they were, a strong one smoothed, and what was measured. Knows no training and asks nobody.
"use strict";
(() => {
    const easel = window.easel;
    const SPACE = Object.assign(document.createElement("div"), { innerHTML: "<svg></svg>" }).firstChild.namespaceURI;
    const [WIDE, HIGH] = [640, 250];
    const EDGE = { left: 52, right: 12, top: 12, bottom: 30 };

    const shape = (tag, attributes = {}, text = "") => {
        const element = document.createElementNS(SPACE, tag);
        for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
        if (text) element.textContent = text;
        return element;
    };

    // Round numbers between two others, five or so.
    const stops = (least, most) => {
        const span = most - least || Math.abs(most) || 1;
        const raw = span / 5;
        const power = 10 ** Math.floor(Math.log10(raw));
        const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= raw);
        const found = [];
        for (let at = Math.ceil(least / step) * step; at <= most + step * 1e-9; at += step) found.push(Math.abs(at) < step * 1e-9 ? 0 : at);
        return found;
    };
    const told = (value) => Math.abs(value) >= 1000 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));

    // The mean of the last values, each weighing less the older it is.
    const smoothed = (points) => {
        const weight = Math.min(0.95, 1 - 6 / Math.max(points.length, 12));
        let mean = 0;
        let sum = 0;
        return points.map(([step, value]) => {
            mean = mean * weight + value * (1 - weight);
            sum = sum * weight + (1 - weight);
            return [step, mean / sum];
        });
    };

    // series: {loss: [[step, value]], measured: [[step, value, r2, ...]]}; steps: of the whole run; names: of both. -> an <svg> with a name for those who cannot see it.
    easel.curve = ({ loss, measured, steps, names }) => {
        const known = loss.filter(([, value]) => value !== null);
        const points = measured.filter(([, value]) => value !== null && value !== undefined);
        const values = [...known, ...points].map(([, value]) => value).sort((a, b) => a - b);
        const least = values.length ? values[0] : 0;
        // One wild value must not press all others flat.
        const most = values.length > 20 ? Math.max(values[Math.floor(values.length * 0.98)] * 1.08, ...points.map(([, value]) => value)) : (values[values.length - 1] ?? 1);
        const low = Math.max(0, least - (most - least) * 0.08);
        const high = most > low ? most : low + 1;
        const last = Math.max(steps, ...known.map(([step]) => step), 1);
        const x = (step) => EDGE.left + (WIDE - EDGE.left - EDGE.right) * step / last;
        const y = (value) => HIGH - EDGE.bottom - (HIGH - EDGE.top - EDGE.bottom) * (Math.min(value, high) - low) / (high - low);
        const line = (some) => some.map(([step, value], at) => `${at ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
        const svg = shape("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", class: "easel-curve" });
        const first = known[0];
        const now = known[known.length - 1];
        const saying = [now ? `${easel.translated(names.loss)}: ${told(first[1])} → ${told(now[1])}` : "", points.length ? `${easel.translated(names.measured)}: ${told(points[0][1])} → ${told(points[points.length - 1][1])}` : ""].filter(Boolean).join("; ");
        svg.setAttribute("aria-label", saying || names.loss);
        for (const value of stops(low, high)) {
            svg.append(shape("line", { class: "grid", x1: EDGE.left, x2: WIDE - EDGE.right, y1: y(value), y2: y(value) }), shape("text", { class: "mark", x: EDGE.left - 7, y: y(value) + 4, "text-anchor": "end" }, told(value)));
        }
        for (const step of stops(0, last)) svg.append(shape("text", { class: "mark", x: x(step), y: HIGH - EDGE.bottom + 17, "text-anchor": "middle" }, told(step)));
        svg.append(shape("line", { class: "axis", x1: EDGE.left, x2: WIDE - EDGE.right, y1: HIGH - EDGE.bottom, y2: HIGH - EDGE.bottom }));
        if (known.length) svg.append(shape("path", { class: "raw", d: line(known) }), shape("path", { class: "loss", d: line(smoothed(known)) }));
        if (points.length) svg.append(shape("path", { class: "measured", d: line(points) }));
        for (const [step, value, r2] of points) {
            const dot = shape("circle", { class: "measured", cx: x(step), cy: y(value), r: 3.2 });
            dot.append(shape("title", {}, `${step}: ${told(value)}${r2 === null || r2 === undefined ? "" : ` (R² ${told(r2)})`}`));
            svg.append(dot);
        }
        // What lies under the pointer.
        const ruler = shape("line", { class: "ruler", y1: EDGE.top, y2: HIGH - EDGE.bottom, visibility: "hidden" });
        const word = shape("text", { class: "word", y: EDGE.top + 10, visibility: "hidden" });
        svg.append(ruler, word);
        svg.addEventListener("pointermove", (event) => {
            if (!known.length) return;
            const box = svg.getBoundingClientRect();
            const step = ((event.clientX - box.left) / box.width * WIDE - EDGE.left) / (WIDE - EDGE.left - EDGE.right) * last;
            const near = known.reduce((best, one) => Math.abs(one[0] - step) < Math.abs(best[0] - step) ? one : best);
            const at = x(near[0]);
            for (const [name, value] of [["x1", at], ["x2", at], ["visibility", "visible"]]) ruler.setAttribute(name, value);
            word.textContent = `${near[0]}: ${told(near[1])}`;
            word.setAttribute("x", at > WIDE / 2 ? at - 6 : at + 6);
            word.setAttribute("text-anchor", at > WIDE / 2 ? "end" : "start");
            word.setAttribute("visibility", "visible");
        });
        svg.addEventListener("pointerleave", () => [ruler, word].forEach((one) => one.setAttribute("visibility", "hidden")));
        const legend = easel.make("figcaption", {},
            known.length ? easel.make("span", { class: "easel-key" }, names.loss) : null,
            points.length ? easel.make("span", { class: "easel-key measured" }, names.measured) : null);
        return [svg, legend];
    };
})();
