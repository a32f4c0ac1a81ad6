// Keys, as hands know them from A1111: Ctrl+Enter generate, Alt+Enter skip, Esc interrupt, Ctrl+Up and Ctrl+Down for the weight of a word or of what is selected, Alt+Left and
// Alt+Right to move an element of the prompt.
"use strict";
(() => {
    const easel = window.easel;
    const STEP = 0.1;
    const STEP_OF_NETWORKS = 0.05;
    const BETWEEN_WORDS = /[\s.,\\/!?%^*;:{}=`~()[\]<>|]/;

    const seen = (id) => Boolean(easel.byId(id) && easel.byId(id).offsetParent !== null);

    document.addEventListener("keydown", (event) => {
        if (event.isComposing) return;
        const command = event.ctrlKey || event.metaKey;
        if (event.key === "Enter" && command && !event.altKey) {
            const panel = easel.panel();
            if (!panel.visible()) return;
            event.preventDefault();
            event.stopPropagation();
            if (!event.repeat) panel.part("generate").click();
        } else if (event.key === "Enter" && event.altKey) {
            event.preventDefault();
            if (!event.repeat) easel.stop("skip");
        } else if (event.key === "Escape") {
            const list = document.activeElement && document.activeElement.closest('[role="combobox"][aria-expanded="true"]');
            if (!list && !document.querySelector("dialog[open], :popover-open") && (easel.panel().visible() || seen("easel_queue"))) easel.stop("stop");
        } else if (command && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
            const area = event.target;
            if (!(area instanceof HTMLTextAreaElement) || !area.closest(".easel-prompt")) return;
            event.preventDefault();
            weigh(area, event.key === "ArrowUp" ? 1 : -1);
        } else if (event.altKey && !command && !event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight")) {
            const area = event.target;
            if (!(area instanceof HTMLTextAreaElement) || !area.closest(".easel-prompt")) return;
            event.preventDefault();
            edit(area, easel.moved(area.value, area.selectionStart, area.selectionEnd, event.key === "ArrowLeft" ? -1 : 1));
        }
    }, true);

    // The elements of a prompt: what stands between commas outside of brackets. -> [[start, end), ...] without the spaces around them
    const elements = (text) => {
        const found = [];
        let depth = 0;
        let start = 0;
        for (let at = 0; at <= text.length; at += 1) {
            if (text[at] === "\\") at += 1;
            else if ("([{<".includes(text[at] || " ")) depth += 1;
            else if (")]}>".includes(text[at] || " ")) depth = Math.max(depth - 1, 0);
            if (at < text.length && (depth || (text[at] !== "," && text[at] !== "\n"))) continue;
            const piece = text.slice(start, at);
            const lead = piece.length - piece.trimStart().length;
            if (piece.trim()) found.push([start + lead, start + piece.trimEnd().length]);
            start = at + 1;
        }
        return found;
    };

    // What moving the selected elements by one place makes of a prompt: {text, start, end}; null when there is nowhere to go.
    easel.moved = (text, start, end, direction) => {
        const places = elements(text);
        const touched = places.map(([from, to], index) => ({ from, to, index })).filter(({ from, to }) => from <= Math.max(end, start) && to >= start);
        if (!touched.length) return null;
        const [first, last] = [touched[0], touched[touched.length - 1]];
        const other = places[direction < 0 ? first.index - 1 : last.index + 1];
        if (!other) return null;
        const [left, right] = direction < 0 ? [other, [first.from, last.to]] : [[first.from, last.to], other];
        const moved = text.slice(0, left[0]) + text.slice(...right) + text.slice(left[1], right[0]) + text.slice(...left) + text.slice(right[1]);
        const at = direction < 0 ? left[0] : right[1] - (last.to - first.from);
        return { text: moved, start: at, end: at + (last.to - first.from) };
    };

    // The innermost pair of these brackets around [start, end), escaped ones not counted. -> {open, close} or null
    const around = (text, start, end, left, right) => {
        const escaped = (at) => {
            let slashes = 0;
            while (text[at - 1 - slashes] === "\\") slashes += 1;
            return slashes % 2 === 1;
        };
        let depth = 0;
        let open = start - 1;
        for (; open >= 0; open -= 1) {
            if (text[open] === right && !escaped(open)) depth += 1;
            if (text[open] === left && !escaped(open)) {
                if (depth === 0) break;
                depth -= 1;
            }
        }
        if (open < 0) return null;
        depth = 0;
        for (let close = end; close < text.length; close += 1) {
            if (text[close] === left && !escaped(close)) depth += 1;
            if (text[close] === right && !escaped(close)) {
                if (depth === 0) return { open, close };
                depth -= 1;
            }
        }
        return null;
    };

    const rounded = (number) => String(Number(number.toFixed(2)));

    // What a key press makes of a text: {text, start, end}, the selection being what is weighed; null when there is nothing to weigh.
    easel.weighed = (text, start, end, direction) => {
        const network = around(text, start, end, "<", ">");
        if (network) {
            const inner = text.slice(network.open + 1, network.close);
            const found = inner.match(/^(.*:)(-?\d*\.?\d+)$/s);
            const head = found ? found[1] : `${inner}:`;
            const weight = (found ? Number(found[2]) : 1) + direction * STEP_OF_NETWORKS;
            return { text: `${text.slice(0, network.open + 1)}${head}${rounded(weight)}${text.slice(network.close)}`, start, end };
        }
        if (start === end) {
            const group = around(text, start, end, "(", ")");
            const weighted = group && text.slice(group.open + 1, group.close).match(/^(.*):\s*-?\d*\.?\d+\s*$/s);
            if (weighted) {
                start = group.open + 1;
                end = start + weighted[1].length;
            } else {
                while (start > 0 && !BETWEEN_WORDS.test(text[start - 1])) start -= 1;
                while (end < text.length && !BETWEEN_WORDS.test(text[end])) end += 1;
            }
        }
        while (end > start && /\s/.test(text[end - 1])) end -= 1;
        while (start < end && /\s/.test(text[start])) start += 1;
        if (start === end) return null;
        if (text[start] === "(" && text[end - 1] === ")") {
            const own = around(text, start + 1, start + 1, "(", ")");
            if (own && own.open === start && own.close === end - 1) {
                start += 1;
                end -= 1;
                const inside = text.slice(start, end).match(/^(.*):\s*-?\d*\.?\d+\s*$/s);
                if (inside) end = start + inside[1].length;
            }
        }
        const selected = text.slice(start, end);
        let before = text.slice(0, start);
        let after = text.slice(end);
        let weight = 1;
        const number = after.match(/^:\s*(-?\d*\.?\d+)\s*\)/);
        if (before.endsWith("(") && !before.endsWith("\\(") && (number || after.startsWith(")"))) {
            weight = number ? Number(number[1]) : 1.1;
            before = before.slice(0, -1);
            after = after.slice(number ? number[0].length : 1);
        }
        const next = rounded(weight + direction * STEP);
        const whole = next === "1" ? selected : `(${selected}:${next})`;
        const at = before.length + (next === "1" ? 0 : 1);
        return { text: before + whole + after, start: at, end: at + selected.length };
    };

    const weigh = (area, direction) => edit(area, easel.weighed(area.value, area.selectionStart, area.selectionEnd, direction));

    // Brings a changed text into the box, as an edit of the hand.
    const edit = (area, changed) => {
        if (!changed) return;
        const old = area.value;
        let first = 0;
        while (first < old.length && first < changed.text.length && old[first] === changed.text[first]) first += 1;
        let last = 0;
        while (last < old.length - first && last < changed.text.length - first && old[old.length - 1 - last] === changed.text[changed.text.length - 1 - last]) last += 1;
        area.setSelectionRange(first, old.length - last);
        const piece = changed.text.slice(first, changed.text.length - last);
        // The browser's own editing command keeps Ctrl+Z working; where it is refused the value is set.
        const done = piece ? document.execCommand("insertText", false, piece) : document.execCommand("delete");
        if (!done || area.value !== changed.text) easel.put(area, changed.text);
        area.setSelectionRange(changed.start, changed.end);
    };
})();
