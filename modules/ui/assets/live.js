// What is going on: asks the server a few times a second while something runs, once a second otherwise, and shows progress, preview and the state of the buttons.
// Short questions instead of one that stays open: a browser allows six connections to a server, and each open tab would hold one for good.
"use strict";
(() => {
    const easel = window.easel;
    const BUSY = 150;
    const IDLE = 1000;
    const HIDDEN = 3000;
    const LOST = 2000;

    let version = "";
    let preview = -1;
    let jobs = [];
    let now = null;
    let timer = 0;
    let eagerUntil = 0;
    let lost = "";
    let stopping = "";
    // null before the first answer.
    easel.jobs = () => now && jobs;

    // Jobs of this tab of the browser, each with the panel that asked for it. A panel that has none follows whatever runs of its kind, so that a second page or a phone shows it too.
    const mine = new Map(JSON.parse(sessionStorage.getItem("easel-submitted") || "[]"));

    easel.submitted = (id, prefix) => {
        if (!id) return;
        mine.set(id, prefix || easel.panel().prefix);
        sessionStorage.setItem("easel-submitted", JSON.stringify([...mine].slice(-50)));
        easel.hurry();
    };
    // The panel in which a job's pictures are shown.
    easel.panelOfJob = (job) => easel.panels[mine.get(job.id) || job.panel] || Object.values(easel.panels)[0];
    easel.hurry = () => {
        eagerUntil = performance.now() + 3000;
        schedule(30);
    };

    const candidates = (panel) => {
        const own = jobs.filter((job) => mine.get(job.id) === panel.prefix);
        return own.length ? own : jobs.filter((job) => !mine.has(job.id) && easel.panelOfJob(job) === panel);
    };
    const running = () => jobs.find((job) => job.state === "running");
    const runs = (panel) => {
        const job = running();
        return job && candidates(panel).includes(job) ? job : null;
    };
    const waits = (panel) => jobs.find((job) => job.state === "queued" && mine.get(job.id) === panel.prefix);

    // Where no panel is on the page, as in the Queue tab, what runs is meant.
    const meant = () => easel.panel().visible() || !running() ? easel.panel() : easel.panelOfJob(running());
    easel.stop = async (how, panel = meant()) => {
        const job = runs(panel) || (how === "stop" ? waits(panel) : null);
        if (!job) return;
        stopping = job.id;
        show();
        try {
            await easel.ask(`jobs/${job.id}/interrupt`, { how });
        } catch (error) {
            easel.say(error.message, "error");
        }
        if (how === "skip") stopping = "";
        easel.hurry();
    };
    for (const panel of Object.values(easel.panels)) {
        easel.when(`#${panel.prefix}_interrupt`, (button) => button.addEventListener("click", () => easel.stop("stop", panel)));
        easel.when(`#${panel.prefix}_skip`, (button) => button.addEventListener("click", () => easel.stop("skip", panel)));
        easel.when(`#${panel.prefix}_generate`, (button) => button.addEventListener("click", () => {
            if (lost) easel.say(lost, "error", "Not sent");
            easel.hurry();
        }));
    }

    // One question at a time, one timer at a time.
    let asking = false;
    const schedule = (wait) => {
        clearTimeout(timer);
        if (!asking) timer = setTimeout(tick, wait);
    };
    const tick = async () => {
        asking = true;
        try {
            take(await easel.ask(`live?since=${version}&preview=${preview}`));
            lost = "";
        } catch (error) {
            lost = error.status === 401 ? "Easel asks for a login again: reload the page. What you typed is kept." : "No connection to Easel. Trying again…";
            version = "";
            preview = -1;
        }
        asking = false;
        const busy = running() || performance.now() < eagerUntil;
        schedule(lost ? LOST : document.hidden ? HIDDEN : busy ? BUSY : IDLE);
        show();
    };
    document.addEventListener("visibilitychange", () => {
        if (!document.hidden) easel.hurry();
    });

    const take = (answer) => {
        if (answer.theme !== easel.theme) easel.themeOfServer(answer.theme);
        const changed = answer.jobs !== undefined;
        version = answer.version;
        now = answer;
        if (changed) {
            tell(jobs, answer.jobs);
            jobs = answer.jobs;
            Object.values(easel.panels).forEach(follow);
            easel.queue.render(jobs);
        }
        if (answer.running && answer.running.preview) {
            const job = running();
            preview = answer.running.preview_version;
            if (job && job.id === answer.running.id) Object.values(easel.panels).forEach((panel) => panel.gallery.preview(job, answer.running.preview));
        }
    };

    // Failures of this tab's jobs are said aloud once; the gallery keeps them in sight.
    const tell = (before, after) => {
        const known = new Map(before.map((job) => [job.id, job.state]));
        for (const job of after) {
            if (job.state === "failed" && mine.has(job.id) && known.get(job.id) !== "failed") {
                easel.panelOfJob(job).failed = performance.now();
                if (known.has(job.id)) easel.say(job.error, "error");
            }
            if (job.state !== "running" && stopping === job.id) stopping = "";
        }
    };

    const follow = (panel) => {
        // First what is shown: it may have come to its end without a picture, and then there is nothing to go on to.
        const shown = jobs.find((one) => one.id === panel.gallery.job);
        if (shown) panel.gallery.refresh(shown);
        const choice = candidates(panel);
        const job = choice.find((one) => one.state === "running") || choice.find((one) => one.made || one.state === "failed" || one.state === "done");
        if (!job || job.id === panel.followed) return;
        panel.followed = job.id;
        panel.gallery.open(job);
    };

    const clock = (seconds) => {
        const whole = Math.max(0, Math.round(seconds));
        return whole >= 3600 ? `${Math.floor(whole / 3600)}:${String(Math.floor(whole / 60) % 60).padStart(2, "0")}:${String(whole % 60).padStart(2, "0")}` : `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    };

    const text = (element, value) => {
        if (element && element.textContent !== value) element.textContent = value;
    };

    const phrase = (live, job) => {
        if (stopping === job.id || live.cancel === "stop") return "Interrupting…";
        if (live.cancel === "skip") return "Skipping…";
        const parts = [];
        if (live.pictures > 1) parts.push(`Picture ${Math.min(live.picture + 1, live.pictures)} of ${live.pictures}`);
        if (live.steps && ["sampling", "training"].includes(live.phase)) parts.push(`step ${live.step} of ${live.steps}`);
        else if (live.steps > 1 && live.phase === "upscaling") parts.push(`tile ${Math.min(live.step + 1, live.steps)} of ${live.steps}`);
        else if (live.phase) parts.push(live.phase);
        const whole = parts.map(easel.translated).join(", ");
        return whole.charAt(0).toUpperCase() + whole.slice(1);
    };

    const showIn = (panel) => {
        const box = panel.part("generate_box");
        const place = panel.find(".easel-progress");
        if (!box || !place) return;
        const job = runs(panel);
        const own = waits(panel);
        const live = job && now && now.running && now.running.id === job.id ? now.running : null;
        box.classList.toggle("busy", Boolean(job || own));
        box.classList.toggle("waiting", Boolean(!job && own));
        box.classList.toggle("stopping", Boolean(job && (stopping === job.id || (live && live.cancel === "stop"))));
        const share = live ? live.share : 0;
        place.classList.toggle("on", Boolean(job));
        const bar = place.querySelector(".bar");
        bar.style.transform = `scaleX(${share})`;
        bar.classList.toggle("unsure", Boolean(job && !share));
        place.setAttribute("aria-valuenow", String(Math.round(share * 100)));
        let said = "";
        if (job) said = live ? phrase(live, job) : "Starting…";
        else if (own && running()) said = `Waiting, ${own.ahead} before it`;
        else if (own) said = (now && now.warmth) ? `${now.warmth}…` : "Starting…";
        text(panel.find(".doing"), said);
        text(panel.find(".left"), live && live.left !== null && live.left > 0.4 ? `${clock(live.left)} left` : "");
        const more = jobs.filter((one) => one.state === "queued" && (one !== own || job)).length;
        const link = panel.find(".waiting");
        text(link, more ? `${more} waiting in the queue` : "");
        link.hidden = !more;
    };

    const show = () => {
        Object.values(easel.panels).forEach(showIn);
        const other = running();
        const waiting = jobs.filter((one) => one.state === "queued");
        const live = other && now && now.running && now.running.id === other.id && Object.values(easel.panels).some(runs) ? now.running : null;
        const share = live ? live.share : 0;
        const status = easel.byId("easel_status");
        if (status) {
            const said = lost ? lost : now && now.warmth ? `${now.warmth}…` : "";
            text(status, said);
            status.classList.toggle("lost", Boolean(lost));
            status.classList.toggle("warming", Boolean(said) && !lost);
            status.title = now && now.warmth ? "You can press Generate already: the picture is made as soon as this is ready." : "";
        }
        if (now && !lost) easel.notices(now.reports || []);
        const tab = easel.byId("tab_queue-button");
        const count = waiting.length + (other ? 1 : 0);
        if (tab) tab.dataset.count = count ? String(count) : "";
        const left = live && live.left ? ` · ${clock(live.left)} left` : "";
        const title = live && share ? `${Math.round(share * 100)} %${left} · Easel` : other ? "… · Easel" : "Easel";
        if (document.title !== title) document.title = title;
    };

    easel.when(".easel-gallery", () => {
        easel.queue.render(jobs);
        schedule(0);
    });
    easel.when("#tab_queue", () => easel.queue.render(jobs));
})();
