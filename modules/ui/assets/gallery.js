// The gallery: one picture large, the others of its job in a strip, the live preview in the same place, and below it the text of the shown picture.
"use strict";
(() => {
    const easel = window.easel;
    // Small pictures are shown at most four times as large; a preview as large as the picture that it becomes.
    const MAGNIFIED = 4;
    const limit = (image, { width, height }) => {
        image.style.maxWidth = `${width * MAGNIFIED}px`;
        image.style.maxHeight = `min(100%, ${height * MAGNIFIED}px)`;
    };

    const seeded = ({ seed }) => seed ? `, seed ${seed}` : "";

    const furnish = (panel) => {
        const { prefix, find } = panel;
        const part = (name) => easel.byId(`${name}_${prefix}`);
        let detail = null;
        let index = 0;
        let chosen = false;
        let version = "";
        let wanted = "";
        const gallery = { job: "" };
        panel.gallery = gallery;

        // Opens a job: its pictures as far as they are there. While it has none, what was shown before stays.
        gallery.open = (job) => {
            gallery.job = job.id;
            chosen = false;
            index = 0;
            version = "";
            gallery.refresh(job);
        };

        gallery.refresh = async (job) => {
            if (job.id !== gallery.job) return;
            const next = `${job.id} ${job.state} ${job.made}`;
            if (next === version) return;
            version = next;
            wanted = next;
            try {
                const found = await easel.ask(`jobs/${job.id}`);
                if (wanted !== next) return;
                for (const picture of found.pictures) {
                    picture.url = easel.url(picture.url);
                    picture.thumb = easel.url(picture.thumb);
                }
                await render(found);
            } catch (error) {
                version = "";
                easel.say(error.message, "error");
            }
        };

        gallery.preview = (job, source) => {
            if (job.id !== gallery.job || chosen) return;
            const image = find(".preview");
            if (!image) return;
            limit(image, job);
            image.src = source;
            find(".easel-stage").classList.add("previewing");
        };

        const running = () => detail && detail.state === "running";

        const render = async (found) => {
            const pictures = found.pictures;
            detail = found;
            // A finished script shows what it put together, anything else its first picture.
            const best = [pictures.findIndex((picture) => picture.composed), pictures.findIndex((picture) => picture.complete), 0].find((at) => at >= 0);
            if (!chosen) index = running() ? Math.max(pictures.length - 1, 0) : best;
            if (pictures.length) {
                // Decoded before it is put in place, so that the stage never flashes empty.
                const ready = new Image();
                ready.src = pictures[Math.min(index, pictures.length - 1)].url;
                await ready.decode().catch(() => undefined);
            }
            if (detail !== found) return;
            const stage = find(".easel-stage");
            if (!stage) return;
            if (found.state !== "running") stage.classList.remove("previewing");
            strip();
            if (pictures.length) select(Math.min(index, pictures.length - 1), chosen);
            else if (found.state !== "running" && found.state !== "queued") nothing();
            if (!pictures.length) notes();
        };

        const nothing = () => {
            panel.shown = null;
            find(".shown").hidden = true;
            find(".shown").removeAttribute("src");
            find(".easel-stage").classList.remove("filled");
            part("html_info").replaceChildren();
            part("html_log").textContent = detail.seconds === null ? "" : spent();
            buttons();
        };

        const spent = () => {
            const seconds = detail.seconds;
            const whole = seconds >= 60 ? `${Math.floor(seconds / 60)} min ${(seconds % 60).toFixed(0)} sec` : `${seconds.toFixed(1)} sec`;
            return `Time taken: ${whole}`;
        };

        const strip = () => {
            const place = find(".easel-strip");
            const pictures = detail.pictures;
            place.hidden = pictures.length < 2 && !(running() && detail.wanted > 1);
            const drawn = [...place.querySelectorAll("button")];
            // An interrupted picture may come between those that are drawn already.
            const stays = drawn.every((button, at) => button.dataset.job === detail.id && pictures[at] && button.dataset.number === String(pictures[at].number));
            if (!stays) place.replaceChildren();
            pictures.slice(place.children.length).forEach((picture) => {
                const at = place.children.length;
                const image = easel.make("img", { src: picture.thumb, alt: "", loading: "lazy", width: 64, height: 64 });
                const broken = picture.complete ? {} : { class: "incomplete", title: "interrupted, not saved" };
                const name = `Picture ${at + 1}${seeded(picture)}${picture.complete ? "" : ", interrupted, not saved"}`;
                place.append(easel.make("button", { type: "button", "data-job": detail.id, "data-number": picture.number, "aria-label": name, ...broken, onclick: () => select(at, true) }, image));
            });
        };

        const select = (at, byHand) => {
            const picture = detail.pictures[at];
            if (!picture) return;
            index = at;
            chosen = byHand && !(running() && at === detail.pictures.length - 1);
            const stage = find(".easel-stage");
            const image = find(".shown");
            if (image.getAttribute("src") !== picture.url) image.src = picture.url;
            image.alt = `Picture ${at + 1} of ${detail.pictures.length}${seeded(picture)}`;
            limit(image, picture);
            image.hidden = false;
            stage.classList.add("filled");
            if (byHand) stage.classList.toggle("previewing", !chosen && running() && stage.classList.contains("previewing"));
            const subseed = picture.infotext.match(/Variation seed: (\d+)/);
            panel.shown = { job: detail.id, state: detail.state, at, ...picture, subseed: subseed ? subseed[1] : "" };
            [...find(".easel-strip").children].forEach((button, number) => button.setAttribute("aria-current", number === at ? "true" : "false"));
            info(picture);
            notes();
            buttons();
        };

        const info = (picture) => {
            const place = part("html_info");
            if (place.dataset.text === picture.infotext) return;
            place.dataset.text = picture.infotext;
            const lines = picture.infotext.split("\n").map((line) => easel.make("p", {}, line));
            place.replaceChildren(...lines);
        };

        const notes = () => {
            const log = part("html_log");
            const lines = [];
            if (detail.seconds !== null) lines.push(easel.make("p", { class: "time" }, spent()));
            if (panel.shown && panel.shown.job === detail.id && !panel.shown.complete) lines.push(easel.make("p", {}, "This picture was interrupted; it is not among the saved ones."));
            else if (detail.state === "cancelled") lines.push(easel.make("p", {}, "Interrupted."));
            if (detail.error) lines.push(easel.make("p", { class: "error", role: "alert" }, detail.error));
            for (const note of detail.notes) lines.push(easel.make("p", {}, note));
            log.replaceChildren(...lines);
            const stage = find(".easel-stage");
            stage.classList.toggle("failed", Boolean(detail.error) && !detail.pictures.length);
            if (detail.error && !detail.pictures.length) find(".easel-failure").textContent = detail.error;
        };

        const buttons = () => {
            const picture = panel.shown;
            const download = part("download");
            if (!download) return;
            for (const button of part("image_buttons").children) button.toggleAttribute("inert", !picture);
            part("image_buttons").classList.toggle("off", !picture);
            if (picture) {
                download.href = picture.url;
                download.download = picture.name;
            } else {
                download.removeAttribute("href");
            }
            panel.part("open_folder").hidden = !(picture && picture.folder);
        };
        easel.when(`#image_buttons_${prefix}`, () => {
            buttons();
            panel.part("open_folder").addEventListener("click", async () => {
                try {
                    await easel.ask(`jobs/${panel.shown.job}/pictures/${panel.shown.number}/folder`, {});
                } catch (error) {
                    easel.say(error.message, "error");
                }
            });
            panel.part("send_pnginfo").addEventListener("click", async () => {
                const picture = panel.shown;
                const answer = await fetch(picture.url);
                if (!answer.ok) {
                    easel.say("The picture's file is not there any more.", "error");
                    return;
                }
                easel.openTab("tab_pnginfo");
                easel.hand("pnginfo_file", new File([await answer.blob()], picture.name));
            });
        });

        // Arrows walk through the pictures; a click or Enter opens the large view.
        const walk = (by) => {
            if (!detail || !detail.pictures.length) return;
            select((index + by + detail.pictures.length) % detail.pictures.length, true);
            const button = find(".easel-strip").children[index];
            if (button) button.scrollIntoView({ block: "nearest", inline: "nearest" });
        };
        gallery.turn = (by) => {
            walk(by);
            enlarge();
        };
        const enlarge = () => {
            if (panel.shown) open(panel, detail.pictures.length < 2);
        };
        easel.when(`#${prefix}_gallery .easel-stage`, (stage) => {
            stage.addEventListener("click", (event) => {
                if (event.target.closest("img.shown")) enlarge();
            });
            panel.part("gallery").addEventListener("keydown", (event) => {
                if (event.key === "ArrowLeft") walk(-1);
                else if (event.key === "ArrowRight") walk(1);
                else if (event.key === "Enter" && event.target === find(".shown")) enlarge();
                else return;
                event.preventDefault();
            });
        });
        easel.when(`#${prefix}_gallery .waiting`, (link) => link.addEventListener("click", () => easel.openTab("tab_queue")));
    };

    // The large view, one for all panels.
    let viewed = null;
    const lightbox = easel.make("dialog", { id: "lightboxModal", "aria-label": "Picture" });
    lightbox.append(
        easel.make("img", { alt: "" }),
        easel.make("button", { type: "button", class: "close", "aria-label": "Close", onclick: () => lightbox.close() }, "×"),
        easel.make("button", { type: "button", class: "before", "aria-label": "Previous picture", onclick: () => viewed.gallery.turn(-1) }, "‹"),
        easel.make("button", { type: "button", class: "after", "aria-label": "Next picture", onclick: () => viewed.gallery.turn(1) }, "›"),
    );
    const open = (panel, alone) => {
        viewed = panel;
        const image = lightbox.querySelector("img");
        image.src = panel.shown.url;
        image.alt = panel.shown.seed ? `Seed ${panel.shown.seed}` : panel.shown.name;
        lightbox.classList.toggle("single", alone);
        if (!lightbox.open) {
            document.body.append(lightbox);
            lightbox.showModal();
        }
    };
    lightbox.addEventListener("click", (event) => {
        if (event.target === lightbox || event.target.tagName === "IMG") lightbox.close();
    });
    lightbox.addEventListener("keydown", (event) => {
        if (event.key === "ArrowLeft") viewed.gallery.turn(-1);
        else if (event.key === "ArrowRight") viewed.gallery.turn(1);
        else if (event.key === "s" && !event.ctrlKey && !event.metaKey) easel.byId(`save_${viewed.prefix}`).click();
        else return;
        event.preventDefault();
    });

    for (const panel of Object.values(easel.panels)) furnish(panel);
})();
