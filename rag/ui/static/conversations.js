/** The list of conversations and, below it, the documents that are searched. */
import { keep } from "./answer_actions.js";
import { open } from "./conversation.js";
import { desk, deskEvents, hold } from "./desk.js";
import { askFirst, fill, say } from "./dom.js";
import { latest } from "./server.js";
import { openDocument } from "./source.js";
import { number, t } from "./texts.js";

const PINNED = "pinned"; // in the browser's storage
/** @returns {string[]} */
const pinned = () => JSON.parse(localStorage.getItem(PINNED) ?? "[]");

/**
 * @param {HTMLElement} element
 * @param {(request: object) => Promise<import("./server.js").Reply>} call
 * @param {{signal: AbortSignal}} once
 */
export function mountConversations(element, call, once) {
  const part = (id) => element.querySelector(`#${id}`);
  const pane = part("desk-pane");
  const [listing, choosing] = [latest(), latest()];
  const closePane = () => pane.classList.remove("open");

  async function list() {
    const reply = await listing(call({ do: "list", words: part("past-words").value, conversation: desk.thread.id, pinned: pinned() }));
    if (!reply || reply.gone) return;
    if (reply.error) part("past").textContent = reply.error;
    else fill(part("past"), reply.html);
    showChosen(); // another conversation may have been opened meanwhile
  }

  async function listChoices() {
    const reply = await choosing(call({ do: "choice", words: part("scope-words").value, documents: desk.documents }));
    if (!reply || reply.error) return;
    fill(part("scope-list"), reply.html);
    part("scope-count").textContent = number(reply.documents);
    desk.documentCount = reply.documents;
  }

  function showChosen() {
    for (const box of part("scope-list").querySelectorAll("input")) box.checked = desk.documents.includes(box.value);
    for (const link of part("past").querySelectorAll(".open")) {
      if (link.dataset.id === desk.thread.id) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
  }

  const acts = {
    open: ({ id }) => { closePane(); open(id); },
    pin: ({ id }) => {
      const now = pinned();
      localStorage.setItem(PINNED, JSON.stringify(now.includes(id) ? now.filter((other) => other !== id) : [id, ...now].slice(0, 100)));
    },
    rename: async ({ id, title }) => {
      const name = await askFirst(t("Name of this conversation"), t("Rename"), title);
      return name ? call({ do: "rename", id, title: name }) : {};
    },
    save: async ({ id, form }) => keep(await call({ do: "save", conversation: id, form })),
    delete: async ({ id, title }) => {
      const reply = await call({ do: "delete", id });
      if (reply.error) return reply;
      if (id === desk.thread.id) open("");
      say(t("Deleted “{title}”.", { title }), { undo: async () => {
        const back = await call({ do: "bring back", id });
        if (back.error) say(back.error, { failed: true });
        list();
      } });
      return reply;
    },
  };

  part("past").addEventListener("click", async (event) => {
    const button = event.target.closest("[data-do]");
    if (!button || event.ctrlKey || event.metaKey) return; // the browser opens another tab
    event.preventDefault();
    const reply = await acts[button.dataset.do](button.dataset);
    if (reply?.error) say(reply.error, { failed: true });
    list();
  });
  part("fresh").addEventListener("click", () => { closePane(); open(""); });
  part("desk-close").addEventListener("click", closePane);
  part("past-words").addEventListener("input", list);
  part("scope-words").addEventListener("input", listChoices);
  part("scope-list").addEventListener("change", (event) => {
    const { value, checked } = event.target;
    hold({ documents: checked ? [...desk.documents, value] : desk.documents.filter((id) => id !== value) });
  });
  part("scope-list").addEventListener("click", (event) => {
    const button = event.target.closest(".open-document");
    if (button) { closePane(); openDocument(button.dataset.id, button); }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#desk-open")) { pane.classList.add("open"); part("past-words").focus(); }
    else if (!pane.contains(event.target) && !event.target.closest(".menu, dialog")) closePane();
  }, once);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") closePane(); }, once);
  deskEvents.addEventListener("changed", showChosen, once);
  deskEvents.addEventListener("answered", list, once);
  document.addEventListener("index-state", (event) => { if (event.detail.moved) listChoices(); }, once);
  list();
  listChoices();
}
