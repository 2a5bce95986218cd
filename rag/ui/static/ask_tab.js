// Conversations, the choice of documents, and what the buttons of an answer do.
let desk = { conversation: "", documents: [], mode: "", turn: 0 };
let every = 0; // documents in the index
const once = lasting("asking");
const [listing, choosing] = [latest(), latest()];
const box = () => document.querySelector("#question textarea");

function hold(changed) {
  desk = { ...desk, ...changed };
  props.value = JSON.stringify(desk);
  line();
}

function write(text) {
  const area = box();
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(area, text);
  area.dispatchEvent(new Event("input", { bubbles: true }));
  area.focus();
}

// The line over the question box: which documents are asked, and what the box is used for.
function line() {
  const scope = document.getElementById("scope");
  if (!scope) return;
  const chosen = desk.documents;
  const words = chosen.length === 0 ? `all ${every} documents` : chosen.length === 1 ? chosen[0] : `${chosen.length} of ${every} documents`;
  scope.querySelector("#scope-words-said").textContent = words;
  scope.querySelector("#scope-clear").hidden = chosen.length === 0;
  const mode = scope.querySelector("#mode");
  mode.hidden = !desk.mode;
  scope.querySelector("#mode-said").textContent =
    desk.mode === "query" ? "The box holds how the question is understood: change it and send." : "The box holds the question: change it and send.";
}

async function list() {
  const told = await listing(call({ do: "list", words: part("past-words").value, conversation: desk.conversation }));
  if (!told) return;
  if (told.error) {
    part("past").textContent = told.error;
    return;
  }
  every = told.documents;
  fill(part("past"), told.html);
  part("keep").hidden = !desk.conversation;
  line();
}

async function choices() {
  const told = await choosing(call({ do: "choice", words: part("scope-words").value, documents: desk.documents }));
  if (!told) return;
  if (told.error) part("scope-list").textContent = told.error;
  else fill(part("scope-list"), told.html);
}

async function keep(told) {
  const file = await call({ do: "save", conversation: desk.conversation, ...told });
  if (file.error) say(file.error, true);
  else keepFile(file.name, file.text);
}

async function judge(turn, verdict, chosen) {
  const told = await call({ do: "judge", conversation: desk.conversation, turn, verdict, chosen });
  say(told.error || told.told, Boolean(told.error));
  if (!told.error) trigger("resume", {});
  return !told.error;
}
window.judgeAnswer = judge;

async function copy(turn) {
  const told = await call({ do: "written", conversation: desk.conversation, turn });
  try {
    if (told.error) throw new Error(told.error);
    await navigator.clipboard.writeText(told.text);
    say("Copied with its sources.");
  } catch (error) {
    say(told.error || "The browser does not let the page copy: mark the text and copy it.", true);
  }
}

async function change(mode, turn) {
  const told = await call({ do: "written", conversation: desk.conversation, turn });
  if (told.error) return say(told.error, true);
  hold({ mode, turn });
  write(mode === "query" ? told.query : told.question);
}

async function choose(turn) {
  const told = await call({ do: "written", conversation: desk.conversation, turn });
  if (told.error) return say(told.error, true);
  window.chooseSentence(turn, told.question, told.source);
}

const acts = {
  ask: (text) => trigger("again", { kind: "ask", text }),
  again: () => trigger("again", { kind: "same" }),
  written: () => trigger("again", { kind: "written" }),
  edit: (turn) => change("edit", Number(turn)),
  query: (turn) => change("query", Number(turn)),
  copy: (turn) => copy(Number(turn)),
  choose: (turn) => choose(Number(turn)),
  save: (told) => keep({ turn: Number(told.split(":")[0]), form: told.split(":")[1] }),
  judge: (told) => judge(Number(told.split(":")[0]), told.split(":")[1]),
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
    choices();
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
  if (button.dataset.do === "resume") {
    hold({ conversation: id, mode: "" });
    part("desk-pane").classList.remove("open");
    trigger("resume", {});
  } else if (button.dataset.do === "rename") {
    const named = await askFirst("Name of this conversation", "Rename", title);
    if (named) await call({ do: "rename", id, title: named });
  } else if (await askFirst(`Delete “${title}”? It cannot be brought back.`, "Delete")) {
    await call({ do: "delete", id });
    if (id === desk.conversation) begin();
  }
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
part("keep").addEventListener("click", (event) => { if (event.target.dataset.form) keep({ form: event.target.dataset.form }); });
part("scope-words").addEventListener("input", choices);
part("scope-done").addEventListener("click", () => part("scope-choice").close());
part("scope-all").addEventListener("click", () => { hold({ documents: [] }); part("scope-choice").close(); });
part("scope-list").addEventListener("change", (event) => {
  const name = event.target.value;
  hold({ documents: event.target.checked ? [...desk.documents, name] : desk.documents.filter((one) => one !== name) });
});

// After an answer the server says which conversation it stands in; what is chosen here stays.
watch("value", () => {
  const told = JSON.parse(props.value || "{}");
  hold({ conversation: told.conversation || "", mode: "" });
  list();
});

// The latest question comes to the top, so that its answer is read from the beginning.
const conversation = document.getElementById("conversation");
let asked = ""; // how many questions and answers were shown when it was last done
const scroller = new MutationObserver(() => {
  const questions = conversation.querySelectorAll(".user");
  const shown = `${questions.length} ${conversation.querySelectorAll(".answer:not(.pending)").length}`;
  if (shown === asked) return;
  asked = shown;
  const newest = questions[questions.length - 1];
  if (!newest) return;
  let box = newest.parentElement;
  while (box && box.scrollHeight <= box.clientHeight + 1 && box !== conversation) box = box.parentElement;
  if (box) box.scrollTop += newest.getBoundingClientRect().top - box.getBoundingClientRect().top - 12;
});
if (conversation) scroller.observe(conversation, { subtree: true, childList: true });
once.signal.addEventListener("abort", () => scroller.disconnect());

hold({});
list();
