/** Finding words in the open document, and its outline. */
import { fill, say } from "./dom.js";
import { latest } from "./server.js";
import { part, turnTo, view } from "./source.js";
import { t } from "./texts.js";

const finding = latest();
/** @type {string[]} */
let places = [];
let place = 0;

/** Hides what belongs to another document. */
export function stopFinding() {
  places = [];
  part("find-words").value = "";
  part("outline").hidden = true;
  part("source-contents").setAttribute("aria-expanded", "false");
  count();
}

function count() {
  const words = part("find-words").value.trim();
  part("find-count").textContent = places.length ? t("{number} of {total}", { number: place + 1, total: places.length }) : words ? t("none") : "";
  for (const id of ["find-previous", "find-next"]) part(id).hidden = places.length < 2;
}

/** @param {number} by */
async function go(by) {
  if (!places.length) return;
  place = (place + by + places.length) % places.length;
  count();
  await turnTo(places[place]);
}

/** @param {(request: object) => Promise<import("./server.js").Reply>} call */
export function mountFinding(call) {
  part("find-words").addEventListener("input", async () => {
    const reply = await finding(call({ do: "find in", id: view?.document_id ?? "", words: part("find-words").value }));
    if (!reply) return;
    places = reply.places ?? [];
    place = 0;
    count();
    go(0);
  });
  part("find-words").addEventListener("keydown", (event) => {
    if (event.key === "Enter") go(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape" && event.target.value) {
      event.preventDefault();
      event.target.value = "";
      places = [];
      count();
    }
  });
  part("find-previous").addEventListener("click", () => go(-1));
  part("find-next").addEventListener("click", () => go(1));
  part("source-contents").addEventListener("click", async () => {
    const hidden = !part("outline").hidden;
    part("outline").hidden = hidden;
    part("source-contents").setAttribute("aria-expanded", String(!hidden));
    if (hidden) return;
    const reply = await call({ do: "outline", id: view?.document_id ?? "" });
    if (reply.error) say(reply.error, { failed: true });
    else fill(part("outline"), reply.html);
  });
  part("outline").addEventListener("click", (event) => {
    const heading = event.target.closest(".heading-link");
    if (!heading) return;
    part("outline").hidden = true;
    part("source-contents").setAttribute("aria-expanded", "false");
    turnTo(heading.dataset.reference);
  });
}
