// What the page does in the browser by itself: its own requests, small messages, names of buttons, dark and light. Knows nothing of prompts or pictures.
"use strict";
(() => {
    const easel = window.easel;
    const root = new URL((window.gradio_config || {}).root || "/", location.href).pathname.replace(/\/$/, "");

    const PATIENCE = 20000;

    // A text in the page's language, for those that are put together before they are shown (assets/localization.js does the others as they come).
    easel.translated = easel.translated || ((text) => text);

    easel.byId = (id) => document.getElementById(id);
    easel.url = (path) => `${root}/easel/${path}`;

    // -> the answer's JSON. body: sent as JSON by POST. Throws an Error whose message is for a person.
    easel.ask = async (path, body) => {
        // What only looks gives up after a while and may ask again; what acts waits for its answer.
        // text/html: as a page, which has a login of its own; a program would be asked for one by a window of the browser's.
        const headers = { accept: "application/json, text/html" };
        const options = body === undefined ? { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE) } : { method: "POST", headers: { ...headers, "content-type": "application/json" }, body: JSON.stringify(body) };
        const answer = await fetch(easel.url(path), options);
        const found = await answer.json().catch(() => ({}));
        if (!answer.ok) {
            const error = new Error([found.detail || `The server answered ${answer.status}.`, found.remedy || ""].join(" ").trim());
            error.status = answer.status;
            error.title = found.title || "";
            throw error;
        }
        return found;
    };

    // Sets an input as a hand would, so that Gradio learns of it. Causes no request.
    easel.put = (input, value) => {
        if (!input) return;
        const kind = input.tagName === "TEXTAREA" ? HTMLTextAreaElement : HTMLInputElement;
        Object.getOwnPropertyDescriptor(kind.prototype, "value").set.call(input, value);
        input.dispatchEvent(new Event("input", { bubbles: true }));
        if (input.type === "number") input.dispatchEvent(new Event("blur"));
    };

    easel.make = (tag, attributes = {}, ...children) => {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes)) {
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
        }
        element.append(...children.filter((child) => child !== null && child !== undefined));
        return element;
    };

    // Brings the children of a place to these elements. Those that stay are left where they are: a button that is taken away while it is pressed loses the click, and its focus.
    easel.arrange = (place, elements) => {
        const stays = new Set(elements);
        for (const child of [...place.children]) if (!stays.has(child)) child.remove();
        elements.forEach((element, at) => { if (place.children[at] !== element) place.insertBefore(element, place.children[at] || null); });
    };

    // Messages stay until read: ten seconds, longer while the pointer is on them.
    easel.say = (text, kind = "note", title = "") => {
        let place = easel.byId("easel_messages");
        if (!place) {
            place = easel.make("div", { id: "easel_messages", role: "status", "aria-live": "polite" });
            document.body.append(place);
        }
        const close = () => message.remove();
        const message = easel.make("div", { class: `easel-message ${kind}` }, easel.make("div", {}, title ? easel.make("b", {}, title) : null, easel.make("p", {}, text)), easel.make("button", { type: "button", "aria-label": "Close this message", onclick: close }, "×"));
        let timer = setTimeout(close, 10000);
        message.addEventListener("pointerenter", () => clearTimeout(timer));
        message.addEventListener("pointerleave", () => { timer = setTimeout(close, 4000); });
        place.append(message);
        while (place.children.length > 4) place.firstChild.remove();
    };

    // What a handler of the page had to say (ui/talk.py).
    easel.told = (packed) => {
        const said = JSON.parse(packed || "{}");
        if (said.text) easel.say(said.text, said.kind, said.title);
        for (const job of [said.job, ...said.jobs || []]) easel.submitted(job, said.panel);
        if (said.offer) easel.panels[said.panel].offer(said.offer);
        if (said.open) easel.openTab(said.open);
        easel.gather(...Object.values(easel.panels));
    };

    // Settings may have hidden the tab; that is said, so that no button is dead.
    easel.openTab = (id) => {
        const button = easel.byId(`${id}-button`);
        if (button) button.click();
        else easel.say("Take it out of “Hidden UI tabs” in Settings, User interface, and start Easel again.", "note", "The tab for this is hidden");
        easel.gather();
    };

    // Calls act(element) once for each element that matches, whenever Gradio brings it onto the page.
    const wanted = [];
    easel.when = (selector, act) => {
        wanted.push({ selector, act, seen: new WeakSet() });
        look();
    };
    let looking = false;
    const look = () => {
        looking = false;
        for (const { selector, act, seen } of wanted) {
            for (const element of document.querySelectorAll(selector)) {
                if (!seen.has(element)) {
                    seen.add(element);
                    act(element);
                }
            }
        }
    };
    new MutationObserver((changes) => {
        if (looking || !changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.nodeType === Node.ELEMENT_NODE))) return;
        looking = true;
        requestAnimationFrame(look);
    }).observe(document.documentElement, { childList: true, subtree: true });

    // Menus. Tab leaves one with its list closed (Gradio would open it again on any key), the list itself is no stop of Tab, and what is typed replaces the old name.
    const menuOf = (event) => event.target instanceof HTMLInputElement && event.target.getAttribute("role") === "combobox" ? event.target : null;
    window.addEventListener("keydown", (event) => {
        if (event.key === "Tab" && menuOf(event)) event.stopPropagation();
    }, true);
    easel.when('ul[role="listbox"]', (list) => { list.tabIndex = -1; });
    easel.when("svg.dropdown-arrow", (arrow) => arrow.setAttribute("aria-hidden", "true"));
    document.addEventListener("focusin", (event) => {
        const menu = menuOf(event);
        if (menu) setTimeout(() => { if (document.activeElement === menu) menu.select(); });
    });

    for (const [id, name] of Object.entries(easel.names)) {
        easel.when(`#${id}`, (button) => {
            button.title = name;
            button.setAttribute("aria-label", name);
        });
    }

    // Dark and light: ?__theme= of the address, else the user's last choice here, else --theme, else the system's.
    const chosen = () => new URLSearchParams(location.search).get("__theme") || localStorage.getItem("easel-theme") || easel.theme || "system";
    easel.theme = localStorage.getItem("easel-theme-of-server") || easel.theme;
    easel.themeOfServer = (theme) => {
        easel.theme = theme;
        localStorage.setItem("easel-theme-of-server", theme);
        paint();
    };
    const system = matchMedia("(prefers-color-scheme: dark)");
    const paint = () => {
        const dark = chosen() === "dark" || (chosen() === "system" && system.matches);
        document.body.classList.toggle("dark", dark);
        document.documentElement.style.colorScheme = dark ? "dark" : "light";
    };
    paint();
    system.addEventListener("change", () => setTimeout(paint));
    easel.when("#easel_theme", (button) => {
        paint();
        button.addEventListener("click", () => {
            localStorage.setItem("easel-theme", document.body.classList.contains("dark") ? "light" : "dark");
            const address = new URL(location);
            address.searchParams.delete("__theme");
            history.replaceState(history.state, "", address);
            paint();
        });
    });
})();
