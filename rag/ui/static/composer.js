/** The question box: it grows, counts, keeps its draft, and offers another search for long texts. */
import { make } from "./dom.js";
import { desk, deskEvents, hold } from "./desk.js";
import { number, t } from "./texts.js";

const LONGEST = 1000; // characters of a question, as on the server
const COUNTED_FROM = 800;

const box = () => /** @type {HTMLTextAreaElement} */ (document.querySelector("#question textarea"));
const draftOf = () => `draft:${desk.thread.id || "new"}`;

/** @param {string} text */
export function write(text) {
  box().value = text;
  box().dispatchEvent(new Event("input", { bubbles: true }));
  box().focus();
}

/** Shows the draft of the open conversation. */
export function restoreDraft() {
  box().value = localStorage.getItem(draftOf()) ?? "";
  show();
}

function show() {
  const text = box().value;
  const counter = document.getElementById("counter");
  const long = text.length > LONGEST;
  counter.textContent = text.length >= COUNTED_FROM ? t("{number} of {total}", { number: number(text.length), total: number(LONGEST) }) : "";
  counter.classList.toggle("over", long);
  document.getElementById("too-long").hidden = !long;
  document.getElementById("send").disabled = long || !text.trim();
}

function showPurpose() {
  const editing = desk.mode !== "new";
  const chosen = desk.documents;
  document.getElementById("mode").hidden = !editing;
  document.getElementById("mode-said").textContent = desk.mode === "query" ? t("Edit what is searched, then send.") : t("Edit the question, then send.");
  document.getElementById("scope").hidden = chosen.length === 0;
  document.getElementById("scope-words-said").textContent = chosen.length === 1 ? t("Searching only {document}", { document: chosen[0] }) : t("Searching {number} of {total} documents", { number: number(chosen.length), total: number(desk.documentCount) });
}

/**
 * @param {HTMLElement} element
 * @param {{ask: (text: string) => void, similar: (text: string) => void, previous: () => string}} acts
 */
export function mountComposer(element, { ask, similar, previous }) {
  const area = box();
  const send = () => {
    const text = area.value.trim();
    if (!text || text.length > LONGEST) return;
    localStorage.removeItem(draftOf());
    area.value = "";
    show();
    ask(text);
  };
  element.querySelector("#send").addEventListener("click", send);
  area.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && !area.value && previous()) {
      event.preventDefault();
      write(previous());
    }
  });
  area.addEventListener("input", () => {
    show();
    if (desk.mode !== "new") return;
    if (area.value) localStorage.setItem(draftOf(), area.value);
    else localStorage.removeItem(draftOf());
  });
  element.querySelector("#similar").addEventListener("click", () => {
    const text = area.value;
    localStorage.removeItem(draftOf());
    write("");
    similar(text);
  });
  element.querySelector("#mode-cancel").addEventListener("click", () => { hold({ mode: "new" }); write(""); });
  element.querySelector("#scope-clear").addEventListener("click", () => hold({ documents: [] }));
  deskEvents.addEventListener("changed", showPurpose);
  if (window.matchMedia("(pointer: fine)").matches) area.focus();
  restoreDraft();
}

/** The question that waits, as it is shown until its answer is there. @param {string} text @param {() => void} stop */
export function waitingTurn(text, stop) {
  const button = make("button", { type: "button", className: "act stop-button", textContent: t("Stop"), onclick: stop });
  const line = make("p", {}, make("span", { className: "waiting-words", textContent: t("Searching the documents …") }), " ", button);
  return make("article", { className: "turn waiting" }, make("h2", { className: "user", dir: "auto", textContent: text }), make("div", { className: "answer pending" }, line));
}
