/** The conversation: questions are answered one after another, each at the address of its conversation. */
import { restoreDraft, waitingTurn, write } from "./composer.js";
import { desk, deskEvents, hold } from "./desk.js";
import { announce, fill, make, say } from "./dom.js";
import { connection, latest } from "./server.js";
import { close } from "./source.js";
import { addressOf, t } from "./texts.js";

/** @typedef {import("./server.js").Reply} Reply */
/**
 * @typedef {object} Question
 * @property {"new" | "offered" | "edit" | "query" | "same" | "written"} kind
 * @property {string} text
 * @property {number} turn
 * @property {string[]} documents
 * @property {import("./desk.js").Thread} thread
 * @property {string} ticket
 * @property {HTMLElement} waiting
 */

/** @type {(request: object) => Promise<Reply>} */
let call;
/** @type {Question[]} */
const queue = [];
let answering = false;
const opening = latest();
const TITLE = t("Ask your documents");

const place = () => document.getElementById("turns");
const turns = () => [...place().querySelectorAll(".turn[data-turn]")];

/** Puts a turn at the top of the window, so that its answer is read from the beginning. @param {Element} turn */
function scrollTo(turn) {
  const box = document.getElementById("conversation");
  box.scrollTop += turn.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
}

/**
 * Asks a question, after those that wait already.
 * @param {Question["kind"]} kind
 * @param {string} text
 * @param {number} [turn]
 */
export function ask(kind, text = "", turn = 0) {
  const shown = kind === "new" || kind === "offered" || kind === "edit" ? text : lastQuestion();
  const question = { kind, text, turn, documents: desk.documents, thread: desk.thread, ticket: crypto.randomUUID?.() ?? String(Math.random()), waiting: null };
  question.waiting = waitingTurn(shown, () => stop(question));
  document.getElementById("welcome")?.remove();
  place().append(question.waiting);
  scrollTo(question.waiting);
  hold({ mode: "new" });
  queue.push(question);
  work();
}

export const lastQuestion = () => [...place().querySelectorAll(".user")].pop()?.textContent ?? "";

async function work() {
  if (answering) return;
  answering = true;
  for (let question = queue[0]; question; question = queue[0]) {
    const { kind, text, turn, documents, thread, ticket } = question;
    const reply = await call({ do: "ask", kind, text, turn, documents, ticket, conversation: thread.id });
    if (reply.gone) {
      question.waiting.querySelector(".waiting-words").textContent = t("Not running – your question is kept and asked when the server is back.");
      break;
    }
    if (queue[0] === question) queue.shift();
    show(question, reply);
  }
  answering = false;
}

/** @param {Question} question */
function stop(question) {
  queue.splice(queue.indexOf(question), 1);
  question.waiting.remove();
  call({ do: "stop", ticket: question.ticket });
  if (!turns().length && !queue.length && !desk.thread.id) open("", false);
}

/** @param {Question} question @param {Reply} reply */
function show(question, reply) {
  const { thread, waiting } = question;
  const seen = thread === desk.thread && waiting.isConnected;
  if (reply.error) return seen ? failed(question, reply.error) : undefined;
  if (reply.stopped) return waiting.remove();
  const isNew = !thread.id && Boolean(reply.conversation);
  thread.id = reply.conversation;
  deskEvents.dispatchEvent(new Event("answered"));
  if (!seen) return;
  if (isNew) {
    history.pushState(null, "", addressOf(thread.id));
    document.title = `${reply.title} – ${TITLE}`;
  }
  for (const old of turns()) if (Number(old.dataset.turn) >= reply.turn) old.remove();
  if (reply.turns !== undefined && turns().length !== reply.turns - 1) return void open(thread.id, false);
  const holder = make("div");
  fill(holder, reply.html);
  const turn = holder.firstElementChild;
  waiting.replaceWith(turn);
  if (!queue.length) scrollTo(turn);
  announceAnswer(turn);
  hold({});
}

/** @param {Question} question @param {string} message */
function failed(question, message) {
  question.waiting.querySelector(".answer").replaceWith(
    make("div", { className: "answer failed" }, make("p", { textContent: message }), make("p", {}, make("button", {
      type: "button", className: "act link", textContent: t("Try again"),
      onclick: () => { question.waiting.remove(); ask(question.kind, question.text, question.turn); },
    }))),
  );
  announce(message);
}

/** @param {Element} turn */
function announceAnswer(turn) {
  const words = [".strength", ".reason", ".overview-note", ".lead q", ".own-voice > p:nth-of-type(2)"].map((part) => turn.querySelector(part)?.textContent ?? "");
  announce(t("Answer. {words}", { words: words.filter(Boolean).join(" ") }));
}

/**
 * Opens a conversation, or the empty page if `id` is "".
 * @param {string} id
 * @param {boolean} [moves] whether the address changes
 */
export async function open(id, moves = true) {
  const reply = await opening(call({ do: "open", id }));
  if (!reply) return;
  if (reply.error && !reply.gone && id) {
    say(reply.error, { failed: true });
    return void open("");
  }
  if (id !== desk.thread.id) close(false);
  if (moves && id !== (new URLSearchParams(location.search).get("c") ?? "")) history.pushState(null, "", addressOf(id));
  hold({ thread: { id }, mode: "new" });
  document.title = reply.title ? `${reply.title} – ${TITLE}` : TITLE;
  if (reply.error) place().replaceChildren(make("p", { className: "hint", textContent: reply.error }));
  else fill(place(), reply.html);
  restoreDraft();
  const last = turns().pop();
  if (last) scrollTo(last);
}

/** Opens what the address names. */
const openAddressed = () => open(new URLSearchParams(location.search).get("c") ?? "", false);

/** Passages similar to a text that is too long for a question; not part of the conversation. @param {string} text */
export async function showSimilar(text) {
  const reply = await call({ do: "similar", text: text.slice(0, 20_000) });
  if (reply.error) return say(reply.error, { failed: true });
  document.getElementById("welcome")?.remove();
  const holder = make("div");
  fill(holder, reply.html);
  const turn = holder.firstElementChild;
  place().append(turn);
  scrollTo(turn);
}

/** @param {(request: object) => Promise<Reply>} caller @param {{signal: AbortSignal}} once */
export function mountConversation(caller, once) {
  call = caller;
  window.addEventListener("popstate", openAddressed, once);
  connection.addEventListener("back", () => {
    work();
    if (!turns().length && !queue.length) openAddressed();
  }, once);
  openAddressed();
}

/** @param {"edit" | "query"} mode @param {number} turn @param {string} text */
export function edit(mode, turn, text) {
  hold({ mode, turn });
  write(text);
}
