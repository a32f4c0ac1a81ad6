// Shows the arguments of the script that is chosen in a panel, and hides the others (ui/scripts.py).
"use strict";
(() => {
    const easel = window.easel;
    easel.scripts = (prefix, key) => {
        const place = easel.byId(`${prefix}_script_container`);
        if (!place) return;
        for (const script of place.querySelectorAll(".easel-script")) script.classList.toggle("on", script.id === `${prefix}_script_${key}`);
    };
})();
