// Opens the source of a citation. Text of documents is only ever set as textContent.
const panel = part("source");
const card = part("card");
const HINT = "Click the number after a sentence to see it in its document.";
const once = lasting("source");
const [opening, finding] = [latest(), latest()];
let opened = null; // the button whose source is shown
let windows = 1; // of text on each side of the sentence; MOST_WINDOWS at most
const MOST_WINDOWS = 256;
let choosing = null; // {turn, reference, chosen} while the user chooses the right sentence

const source = (request) => call({ do: "source", ...request });

async function turnTo(request) {
  const view = await opening(source(request));
  if (view) show(view);
}

function siblings(button) {
  const answer = button.closest(".answer");
  return answer ? [...answer.querySelectorAll("button.cite")] : [button];
}

function line(text) {
  const paragraph = document.createElement("p");
  paragraph.className = "hint";
  paragraph.textContent = text;
  return paragraph;
}

// Characters that are invisible, or reverse the order of others, stay in the text but are outlined.
const UNSEEN = /([\u200b\u2060-\u2064\u180e\u202a-\u202e\u2066-\u2069\u{e0001}-\u{e007f}])/u;
function words(text) {
  return text.split(UNSEEN).map((part, n) => {
    if (n % 2 === 0) return part;
    const span = document.createElement("span");
    span.className = "unseen";
    span.title = "invisible character U+" + part.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
    span.textContent = part;
    return span;
  });
}

// Shows a page of a PDF as a picture instead of its text.
let drawing = false;
async function draw(view) {
  const reply = await call({ do: "page", reference: view.reference });
  if (!drawing || part("source-page").dataset.reference !== view.reference) return;
  const picture = document.createElement("img");
  if (reply.picture) picture.src = reply.picture;
  picture.alt = `Page ${view.drawn} of ${view.title}, with this sentence marked: ${view.sentence}`;
  part("source-text").replaceChildren(reply.picture ? picture : line(reply.error));
}

function offer(view) {
  const button = part("source-page");
  button.hidden = !view.drawn || Boolean(choosing) || !view.sentence;
  button.dataset.reference = view.reference || "";
  button.textContent = drawing ? "Text" : `Page ${view.drawn}`;
  button.ariaPressed = String(drawing);
  button.onclick = () => {
    drawing = !drawing;
    show(view);
  };
  part("source-file").hidden = !view.file;
  if (view.file) part("source-file").href = view.file;
  return drawing && !button.hidden;
}

function more(view, number) {
  if (!view.clipped[number]) return [];
  const button = document.createElement("button");
  button.type = "button";
  button.className = "more";
  button.textContent = number ? "Show more" : "Show earlier text";
  button.addEventListener("click", () => {
    windows = Math.min(4 * windows, MOST_WINDOWS);
    turnTo({ reference: view.reference, windows, choose: Boolean(choosing) });
  });
  return [button];
}

function show(view) {
  const text = part("source-text");
  if (view.error) {
    part("source-title").textContent = "Source";
    part("source-place").textContent = "";
    text.replaceChildren(line(view.error));
    part("source-page").hidden = part("source-file").hidden = true;
    return;
  }
  part("source-title").textContent = view.title;
  part("source-place").textContent = view.place;
  if (offer(view)) {
    text.replaceChildren(line("Drawing the page …"));
    draw(view);
    return;
  }
  const mark = document.createElement("mark");
  mark.id = "source-mark";
  mark.append(...words(view.sentence));
  const around = [words(view.before), view.sentence ? [mark] : [], words(view.after)].flat();
  const shown = choosing ? view.pieces.map(piece) : around;
  text.replaceChildren(...more(view, 0), ...shown, ...more(view, 1));
  // Scrolls the panel only; scrollIntoView would scroll the whole page.
  const at = text.querySelector(choosing ? ".piece.near" : "#source-mark");
  text.scrollTop = at ? text.scrollTop + at.getBoundingClientRect().top - text.getBoundingClientRect().top - text.clientHeight / 3 : 0;
}

// While the user chooses, every sentence is a button.
function piece([words, reference]) {
  if (!reference) return words;
  const sentence = document.createElement("span");
  sentence.className = reference === choosing.reference ? "piece near" : "piece";
  sentence.role = "button";
  sentence.tabIndex = 0;
  sentence.textContent = words;
  sentence.dataset.reference = reference;
  sentence.ariaPressed = String(choosing.chosen.includes(reference));
  return sentence;
}

function pick(sentence) {
  const reference = sentence.dataset.reference;
  const chosen = choosing.chosen.includes(reference);
  choosing.chosen = chosen ? choosing.chosen.filter((other) => other !== reference) : [...choosing.chosen, reference];
  sentence.ariaPressed = String(!chosen);
  const number = choosing.chosen.length;
  part("source-keep").disabled = number === 0;
  part("source-keep").textContent = number > 1 ? `Save these ${number} sentences` : "Save this sentence";
}

window.chooseSentence = async (turn, question, reference) => {
  choosing = { turn, reference, chosen: [] };
  windows = 1;
  part("source-question").textContent = `Click the sentence that answers “${question}”.`;
  part("source-words").value = "";
  part("source-found").replaceChildren();
  part("source-keep").disabled = true;
  part("source-keep").textContent = "Save";
  part("source-choose").hidden = part("source-close").hidden = false;
  part("source-steps").hidden = true;
  panel.classList.add("open");
  hideCard();
  if (reference) await turnTo({ reference, choose: true });
  else part("source-text").replaceChildren(line("Search for the sentence above."));
  part("source-words").focus({ preventScroll: true });
};

async function find() {
  const reply = await finding(call({ do: "find", words: part("source-words").value }));
  if (!reply) return;
  if (reply.error) say(reply.error, true);
  const rows = (reply.matches || []).map((match) => {
    const row = document.createElement("li");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = `${match.title}: ${match.text}`;
    button.addEventListener("click", () => {
      choosing.reference = match.reference;
      part("source-found").replaceChildren();
      turnTo({ reference: match.reference, choose: true });
    });
    row.append(button);
    return row;
  });
  part("source-found").replaceChildren(...rows);
}

async function viewOf(button) {
  const reply = button.dataset.id ? await call({ do: "view", id: button.dataset.id }) : { reference: button.value };
  return reply.error ? reply : source(reply);
}

async function open(button, keepFocus) {
  leave();
  windows = 1;
  const view = await opening(viewOf(button));
  if (!view) return;
  if (opened) opened.removeAttribute("aria-current");
  opened = button;
  button.setAttribute("aria-current", "true");
  const all = siblings(button);
  part("source-count").textContent = `Citation ${all.indexOf(button) + 1} of ${all.length}`;
  part("source-previous").disabled = all.indexOf(button) === 0;
  part("source-next").disabled = all.indexOf(button) === all.length - 1;
  part("source-steps").hidden = !button.closest(".answer");
  part("source-close").hidden = false;
  panel.classList.add("open");
  hideCard();
  show(view);
  if (!keepFocus) part("source-title").focus({ preventScroll: true });
}

function step(by) {
  const all = siblings(opened);
  const next = all[all.indexOf(opened) + by];
  if (next) open(next, true);
}

function leave() {
  choosing = null;
  part("source-choose").hidden = true;
}

function close(event) {
  opening(null); // drops a reply that is still awaited
  leave();
  panel.classList.remove("open");
  part("source-title").textContent = "Source";
  part("source-place").textContent = "";
  part("source-text").replaceChildren(line(HINT));
  for (const id of ["source-close", "source-steps", "source-page", "source-file"]) part(id).hidden = true;
  if (!opened) return;
  opened.removeAttribute("aria-current");
  if (event !== "elsewhere" && opened.isConnected) opened.focus();
  opened = null;
}

// The card over a number: the quote and its place. It stays while the pointer is on it.
const seen = new Map();
let hovered = null;

function hideCard() {
  hovered?.removeAttribute("aria-describedby");
  hovered = null;
  card.hidden = true;
}

async function showCard(button) {
  if (hovered === button) return;
  hideCard();
  hovered = button;
  let view = seen.get(button.value);
  if (!view) {
    view = await source({ reference: button.value });
    if (seen.size > 200) seen.clear();
    if (!view.error) seen.set(button.value, view);
  }
  if (hovered !== button || !button.isConnected) return;
  card.querySelector("blockquote").textContent = view.error ? "" : view.sentence;
  card.querySelector("p").textContent = view.error || `${view.title} · ${view.place}`;
  card.hidden = false;
  button.setAttribute("aria-describedby", "card");
  const at = button.getBoundingClientRect();
  const left = Math.min(Math.max(8, at.left - 24), window.innerWidth - card.offsetWidth - 8);
  const over = at.top - card.offsetHeight - 8;
  card.style.left = `${left}px`;
  card.style.top = `${over > 8 ? over : at.bottom + 8}px`;
}

part("source-close").addEventListener("click", close);
part("source-previous").addEventListener("click", () => step(-1));
part("source-next").addEventListener("click", () => step(1));
part("source-cancel").addEventListener("click", close);
part("source-words").addEventListener("change", find);
part("source-words").addEventListener("keydown", (event) => { if (event.key === "Enter") find(); });
part("source-keep").addEventListener("click", async () => {
  if (await window.judgeAnswer(choosing.turn, "chosen", choosing.chosen)) close();
});
part("source-text").addEventListener("click", (event) => {
  const sentence = event.target.closest(".piece");
  if (sentence && choosing) pick(sentence);
});
part("source-text").addEventListener("keydown", (event) => {
  const sentence = event.target.closest(".piece");
  if (!sentence || !choosing || (event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  pick(sentence);
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button.cite");
  if (button) open(button, false);
  else if (event.target.closest("[role=tab]") && (opened || choosing)) close("elsewhere");
}, once);
for (const kind of ["pointerover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const button = event.target.closest?.(".answer button.cite");
    if (button) showCard(button);
    else if (!event.target.closest?.("#card")) hideCard();
  }, once);
}
window.addEventListener("scroll", hideCard, { ...once, capture: true });
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || document.querySelector("dialog[open]")) return;
  if (!card.hidden && document.activeElement === hovered) hideCard();
  else if (opened || choosing) close();
}, once);
