// Conversations, the choice of documents, and the buttons of an answer.
let desk = { conversation: "", documents: [], mode: "", turn: 0 };
let documentCount = 0; // in the index
const once = lasting("asking");
const [listing, choosing] = [latest(), latest()];
const questionBox = () => document.querySelector("#question textarea");

function hold(changes) {
  desk = { ...desk, ...changes };
  props.value = JSON.stringify(desk);
  showScope();
}

function write(text) {
  const area = questionBox();
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}

// The line above the question box: which documents are searched, and what the box is for.
function showScope() {
  const scope = document.getElementById("scope");
  if (!scope) return;
  const chosen = desk.documents;
  const words = chosen.length === 0 ? `all ${documentCount} documents` : chosen.length === 1 ? chosen[0] : `${chosen.length} of ${documentCount} documents`;
  scope.querySelector("#scope-words-said").textContent = words;
  scope.querySelector("#scope-clear").hidden = chosen.length === 0;
  const mode = scope.querySelector("#mode");
  mode.hidden = !desk.mode;
  scope.querySelector("#mode-said").textContent = desk.mode === "query" ? "Edit how the question is understood, then send." : "Edit the question, then send.";
}

async function list() {
  const reply = await listing(call({ do: "list", words: part("past-words").value, conversation: desk.conversation }));
  if (!reply) return;
  if (reply.error) {
    part("past").textContent = reply.error;
    return;
  }
  documentCount = reply.documents;
  fill(part("past"), reply.html);
  part("keep").hidden = !desk.conversation;
  showScope();
}

async function listChoices() {
  const reply = await choosing(call({ do: "choice", words: part("scope-words").value, documents: desk.documents }));
  if (!reply) return;
  if (reply.error) part("scope-list").textContent = reply.error;
  else fill(part("scope-list"), reply.html);
}

async function save(request) {
  const file = await call({ do: "save", conversation: desk.conversation, ...request });
  if (file.error) say(file.error, true);
  else saveFile(file.name, file.text);
}

async function judge(turn, verdict, chosen) {
  const reply = await call({ do: "judge", conversation: desk.conversation, turn, verdict, chosen });
  say(reply.error || reply.message, Boolean(reply.error));
  if (!reply.error) trigger("resume", {});
  return !reply.error;
}
window.judgeAnswer = judge;

const writtenAnswer = (turn) => call({ do: "written", conversation: desk.conversation, turn });

async function copy(turn) {
  const reply = await writtenAnswer(turn);
  if (reply.error) return say(reply.error, true);
  try {
    await navigator.clipboard.writeText(reply.text);
    say("Copied with its sources.");
  } catch {
    say("The browser does not allow copying. Select the text and copy it.", true);
  }
}

async function edit(mode, turn) {
  const reply = await writtenAnswer(turn);
  if (reply.error) return say(reply.error, true);
  hold({ mode, turn });
  write(mode === "query" ? reply.query : reply.question);
}

async function choose(turn) {
  const reply = await writtenAnswer(turn);
  if (reply.error) return say(reply.error, true);
  window.chooseSentence(turn, reply.question, reply.source);
}

// By the first part of a button's value; the rest is the argument.
const acts = {
  ask: (text) => trigger("again", { kind: "ask", text }),
  again: () => trigger("again", { kind: "same" }),
  written: () => trigger("again", { kind: "written" }),
  edit: (turn) => edit("edit", Number(turn)),
  query: (turn) => edit("query", Number(turn)),
  copy: (turn) => copy(Number(turn)),
  choose: (turn) => choose(Number(turn)),
  save: (detail) => save({ turn: Number(detail.split(":")[0]), form: detail.split(":")[1] }),
  judge: (detail) => judge(Number(detail.split(":")[0]), detail.split(":")[1]),
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.act");
  if (button) {
    const cut = button.value.indexOf(":");
    acts[button.value.slice(0, cut)]?.(button.value.slice(cut + 1));
  }
  for (const menu of document.querySelectorAll("#conversation details.menu[open]")) {
    if (button || !menu.contains(event.target)) menu.open = false;
  }
  const id = event.target.closest("button")?.id;
  if (id === "scope-open") {
    listChoices();
    part("scope-choice").showModal();
  }
  if (id === "scope-clear") hold({ documents: [] });
  if (id === "mode-cancel") { hold({ mode: "" }); write(""); }
  if (id === "desk-open") { part("desk-pane").classList.add("open"); part("past-words").focus(); }
}, once);

part("past").addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-do]");
  if (!button) return;
  const { id, title } = button.dataset;
  let reply = {};
  if (button.dataset.do === "resume") {
    hold({ conversation: id, mode: "" });
    part("desk-pane").classList.remove("open");
    trigger("resume", {});
  } else if (button.dataset.do === "rename") {
    const name = await askFirst("Name of this conversation", "Rename", title);
    if (name) reply = await call({ do: "rename", id, title: name });
  } else if (await askFirst(`Delete “${title}”? This cannot be undone.`, "Delete")) {
    reply = await call({ do: "delete", id });
    if (!reply.error && id === desk.conversation) begin();
  }
  if (reply.error) say(reply.error, true);
  list();
});

function begin() {
  hold({ conversation: "", mode: "" });
  trigger("resume", {});
  write("");
}

part("fresh").addEventListener("click", () => { begin(); part("desk-pane").classList.remove("open"); list(); });
part("desk-close").addEventListener("click", () => part("desk-pane").classList.remove("open"));
part("past-words").addEventListener("input", list);
part("keep").addEventListener("click", (event) => { if (event.target.dataset.form) save({ form: event.target.dataset.form }); });
part("scope-words").addEventListener("input", listChoices);
part("scope-done").addEventListener("click", () => part("scope-choice").close());
part("scope-all").addEventListener("click", () => { hold({ documents: [] }); part("scope-choice").close(); });
part("scope-list").addEventListener("change", (event) => {
  const name = event.target.value;
  hold({ documents: event.target.checked ? [...desk.documents, name] : desk.documents.filter((id) => id !== name) });
});

// After an answer the server says which conversation it belongs to; the chosen documents stay.
watch("value", () => {
  const value = JSON.parse(props.value || "{}");
  hold({ conversation: value.conversation || "", mode: "" });
  list();
});

// Scrolls the latest question to the top, so that its answer is read from the beginning. The conversation is looked up each
// time: gradio may mount it after this script has run, or mount it again.
let scrolled = { conversation: null, shown: "" }; // for what it last scrolled: the element, its numbers of questions and answers
const scroller = new MutationObserver(() => {
  const conversation = document.getElementById("conversation");
  const questions = conversation?.querySelectorAll(".user") ?? [];
  const newest = questions[questions.length - 1];
  const shown = `${questions.length} ${conversation?.querySelectorAll(".answer:not(.pending)").length}`;
  if (!newest || (conversation === scrolled.conversation && shown === scrolled.shown)) return;
  scrolled = { conversation, shown };
  let box = newest.parentElement;
  while (box && box.scrollHeight <= box.clientHeight + 1 && box !== conversation) box = box.parentElement;
  if (box) box.scrollTop += newest.getBoundingClientRect().top - box.getBoundingClientRect().top - 12;
});
scroller.observe(document.body, { subtree: true, childList: true });
once.signal.addEventListener("abort", () => scroller.disconnect());

hold({});
list();
