/** The source panel: opens a citation at its sentence, among the other sentences that the answer quotes. */
import { mountCard } from "./card.js";
import { desk, hold, openTab } from "./desk.js";
import { fill, hint, make, say } from "./dom.js";
import { caller, lasting, latest } from "./server.js";
import { isChoosing, mountChoosing, stopChoosing } from "./source_choose.js";
import { mountFinding, stopFinding } from "./source_find.js";
import { mountPages, offerPages } from "./source_page.js";
import { locale, t } from "./texts.js";

/** @typedef {import("./server.js").Reply} Reply */

const MOST_WINDOWS = 256; // of text on each side of the sentence, as on the server
const opening = latest();
/** @type {(request: object) => Promise<Reply>} */
let call;
/** @type {HTMLElement} */
let panel;
/** The button that opened the source; its answer's citations are the steps. @type {HTMLElement | null} */
let opened = null;
/** What is shown. @type {Reply | null} */
export let view = null;
let windows = 1;

export const part = (id) => /** @type {HTMLElement} */ (panel.querySelector(`#${id}`));

/** The citations of an answer, each once. @param {Element | null} answer @returns {HTMLElement[]} */
function citations(answer) {
  const all = [...(answer?.querySelectorAll("button.cite") ?? [])];
  return all.filter((button, row) => all.findIndex((other) => other.value === button.value) === row);
}

/**
 * Shows what a reference names. False if something else was opened, or the panel closed, before the reply came.
 * @param {string} reference @param {{choose?: boolean, wide?: number}} [options]
 */
export async function turnTo(reference, { choose = false, wide = 1 } = {}) {
  windows = wide;
  const cited = citations(opened?.closest(".answer") ?? null);
  const others = Object.fromEntries(cited.filter((button) => button.dataset.number && !button.closest(".facts")).map((button) => [button.value, Number(button.dataset.number)]));
  const reply = await opening(call({ do: "source", reference, windows, choose, others }));
  if (reply) show(reply);
  return Boolean(reply);
}

/** @param {Reply} reply */
function show(reply) {
  view = reply.error ? null : reply;
  panel.classList.add("open");
  document.body.classList.add("reading");
  part("source-title").textContent = reply.title ?? t("Source");
  part("source-place").textContent = reply.error ? "" : [reply.place, reply.modified && new Date(reply.modified).toLocaleDateString(locale, { dateStyle: "long" })].filter(Boolean).join(" · ");
  const file = /** @type {HTMLAnchorElement} */ (part("source-file"));
  file.hidden = !reply.file;
  if (reply.file) file.href = reply.file;
  for (const id of ["source-only", "source-tools"]) part(id).hidden = !view;
  const text = part("source-text");
  text.lang = reply.language ?? "";
  if (!view) return void text.replaceChildren(hint(reply.error));
  part("source-overview").value = `overview:${view.document_id}`;
  if (offerPages(view)) return;
  fill(text, view.html);
  text.prepend(...more(0));
  text.append(...more(1));
  toMark();
}

/** Scrolls the panel only, so that the mark is in its upper third; scrollIntoView would scroll the whole page. */
export function toMark() {
  const text = part("source-text");
  const marked = text.querySelector("#source-mark") ?? text.querySelector(".piece.near");
  const mark = marked?.querySelector(".cell") ?? marked; // the mark of a whole row has no box of its own
  text.scrollTop = mark ? text.scrollTop + mark.getBoundingClientRect().top - text.getBoundingClientRect().top - text.clientHeight / 3 : 0;
}

/** @param {number} side 0 before, 1 after */
function more(side) {
  if (!view.clipped[side]) return [];
  const label = side ? t("Show more") : t("Show earlier text");
  const reference = view.reference;
  const onclick = () => turnTo(reference, { choose: isChoosing(), wide: Math.min(4 * windows, MOST_WINDOWS) });
  return [make("button", { type: "button", className: "plain more", textContent: label, onclick })];
}

/** @param {HTMLElement} button whose value is the reference @param {boolean} [keepsFocus] */
async function open(button, keepsFocus = false) {
  stopChoosing();
  stopFinding();
  opened?.removeAttribute("aria-current");
  opened = button;
  button.setAttribute("aria-current", "true");
  const all = citations(button.closest(".answer"));
  const number = all.findIndex((other) => other.value === button.value);
  part("source-steps").hidden = number < 0 || all.length < 2;
  part("source-count").textContent = t("Citation {number} of {total}", { number: number + 1, total: all.length });
  part("source-previous").disabled = number <= 0;
  part("source-next").disabled = number === all.length - 1;
  if ((await turnTo(button.value)) && !keepsFocus) part("source-title").focus({ preventScroll: true });
}

/** Opens a whole document. @param {string} id @param {HTMLElement} from */
export async function openDocument(id, from) {
  const reply = await call({ do: "view", id });
  if (reply.error) return say(reply.error, { failed: true });
  stopChoosing();
  stopFinding();
  opened?.removeAttribute("aria-current");
  opened = from;
  part("source-steps").hidden = true;
  if (await turnTo(reply.reference)) part("source-title").focus({ preventScroll: true });
}

/** The citation before or after the open one. @param {number} by */
export function step(by) {
  const all = citations(opened?.closest(".answer") ?? null);
  const next = all[all.findIndex((button) => button.value === opened?.value) + by];
  if (next) open(next, true);
}

/** Opens the citation with this number of the open answer, or else of the last one. @param {number} number */
export function openNumber(number) {
  const answers = document.querySelectorAll("#turns .answer");
  const answer = opened?.closest(".answer") ?? answers[answers.length - 1];
  const button = answer?.querySelector(`button.cite[data-number="${number}"]`);
  if (button) open(/** @type {HTMLElement} */ (button));
}

/** @param {boolean} [returns] whether the focus returns to what opened the source */
export function close(returns = true) {
  opening(null); // drops a reply that is still awaited
  stopChoosing();
  stopFinding();
  view = null;
  panel.classList.remove("open");
  document.body.classList.remove("reading");
  part("source-text").replaceChildren();
  opened?.removeAttribute("aria-current");
  if (returns && opened?.isConnected) opened.focus();
  opened = null;
}

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  call = caller(server);
  const once = lasting("source");
  panel = element.querySelector("#source");
  mountChoosing(call);
  mountFinding(call);
  mountPages(call);
  mountCard(element.querySelector("#card"), call, once);
  part("source-close").addEventListener("click", () => close());
  part("source-previous").addEventListener("click", () => step(-1));
  part("source-next").addEventListener("click", () => step(1));
  part("source-only").addEventListener("click", () => {
    hold({ documents: [view.document_id], documentCount: desk.documentCount });
    openTab("ask");
    if (window.innerWidth < 1180) close(false);
    document.querySelector("#question textarea").focus();
  });
  part("source-plain").addEventListener("click", (event) => {
    const plain = part("source-text").classList.toggle("as-text");
    event.target.setAttribute("aria-pressed", String(plain));
    toMark();
  });
  part("source-text").addEventListener("click", (event) => {
    const other = event.target.closest("mark.other");
    const button = other && citations(opened?.closest(".answer") ?? null).find((cited) => cited.value === other.dataset.reference);
    if (button) open(button, true);
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.cite, button.card, button.open-source");
    if (button?.dataset.id) openDocument(button.dataset.id, button);
    else if (button) open(button);
    else if (event.target.closest("#tabs [role=tab]")) close(false);
  }, once);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || document.querySelector("dialog[open], :popover-open")) return;
    if (opened || panel.classList.contains("open")) close();
  }, once);
}
