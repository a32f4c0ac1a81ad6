// Generate forever: a menu on the right mouse button of Generate (or the menu key on it), as in A1111. It presses Generate again whenever nothing of this panel runs or waits.
"use strict";
(() => {
    const easel = window.easel;
    const AGAIN = 400;

    const menu = easel.make("div", { id: "context-menu", role: "menu", hidden: true });
    const shut = (back) => {
        menu.hidden = true;
        if (back && menu.owner) menu.owner.focus();
    };
    document.addEventListener("pointerdown", (event) => {
        if (!menu.hidden && !menu.contains(event.target)) shut(false);
    });
    menu.addEventListener("keydown", (event) => {
        const items = [...menu.children];
        const at = items.indexOf(document.activeElement);
        if (event.key === "Escape" || event.key === "Tab") shut(true);
        else if (event.key === "ArrowDown") items[(at + 1) % items.length].focus();
        else if (event.key === "ArrowUp") items[(at + items.length - 1) % items.length].focus();
        else return;
        event.preventDefault();
        event.stopPropagation();
    });

    const open = (button, entries, event) => {
        menu.replaceChildren(...entries.map(([words, act]) => easel.make("button", {
            type: "button",
            role: "menuitem",
            onclick: () => {
                shut(true);
                act();
            },
        }, words)));
        document.body.append(menu);
        menu.owner = button;
        menu.hidden = false;
        const box = button.getBoundingClientRect();
        const byKey = !event.clientX && !event.clientY;
        const left = Math.min(byKey ? box.left : event.clientX, innerWidth - menu.offsetWidth - 6);
        const top = Math.min(byKey ? box.bottom : event.clientY, innerHeight - menu.offsetHeight - 6);
        menu.style.left = `${Math.max(left, 6)}px`;
        menu.style.top = `${Math.max(top, 6)}px`;
        menu.firstElementChild.focus();
    };

    // button, [[words, act]], the event that opened it: a menu at the pointer, or below the button.
    easel.choose = open;

    for (const panel of Object.values(easel.panels)) {
        let timer = 0;
        let pressed = 0;
        const busy = () => panel.part("generate_box").classList.contains("busy") || performance.now() - pressed < 1500;
        const mark = () => panel.part("generate_box").classList.toggle("forever", Boolean(timer));
        panel.forever = {
            start: () => {
                if (timer) return;
                timer = setInterval(() => {
                    if (panel.failed && panel.failed > pressed) {
                        panel.forever.stop();
                        easel.say("Generate forever has stopped, because the last picture could not be made.");
                    } else if (!busy()) {
                        pressed = performance.now();
                        panel.part("generate").click();
                    }
                }, AGAIN);
                mark();
                if (!busy()) {
                    pressed = performance.now();
                    panel.part("generate").click();
                }
            },
            stop: () => {
                clearInterval(timer);
                timer = 0;
                mark();
            },
            get on() {
                return Boolean(timer);
            },
        };
        const show = (event) => {
            event.preventDefault();
            const entry = panel.forever.on ? ["Cancel generate forever", panel.forever.stop] : ["Generate forever", panel.forever.start];
            open(event.currentTarget, [entry], event);
        };
        // Interrupt lies over Generate while something runs, and an interrupt alone ends only this picture.
        for (const name of ["generate", "interrupt"]) easel.when(`#${panel.prefix}_${name}`, (button) => button.addEventListener("contextmenu", show));
    }
})();
