// Opens the source of a citation. Texts from documents reach the page through textContent alone.
const part = (id) => element.querySelector("#" + id);
const panel = part("source");
let opened = null; // the button whose source is shown
let request = 0; // the latest one asked for: answers to earlier ones are dropped

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

function show(view) {
  const text = part("source-text");
  if (view.error) {
    part("source-title").textContent = "Source";
    part("source-place").textContent = "";
    text.replaceChildren(line(view.error));
    return;
  }
  part("source-title").textContent = view.title;
  const place = [view.document_id, ...(view.page ? ["page " + view.page] : []), ...view.headings];
  part("source-place").textContent = place.join(" › ");
  const mark = document.createElement("mark");
  mark.id = "source-mark";
  mark.textContent = view.sentence;
  text.replaceChildren((view.clipped[0] ? "… " : "") + view.before, mark, view.after + (view.clipped[1] ? " …" : ""));
  // Within the panel only: scrollIntoView would move the whole page.
  text.scrollTop += mark.getBoundingClientRect().top - text.getBoundingClientRect().top - text.clientHeight / 3;
}

async function open(button, keepFocus) {
  const turn = ++request;
  let view;
  try {
    view = await server.get_source(button.value);
  } catch {
    view = { error: "The source could not be fetched: is the program still running?" };
  }
  if (turn !== request) return;
  if (opened) opened.removeAttribute("aria-current");
  opened = button;
  button.setAttribute("aria-current", "true");
  const all = siblings(button);
  part("source-count").textContent = `Citation ${all.indexOf(button) + 1} of ${all.length}`;
  part("source-previous").disabled = all.indexOf(button) === 0;
  part("source-next").disabled = all.indexOf(button) === all.length - 1;
  part("source-close").hidden = part("source-steps").hidden = false;
  panel.classList.add("open");
  show(view);
  if (!keepFocus) part("source-title").focus({ preventScroll: true });
}

function step(by) {
  const all = siblings(opened);
  const next = all[all.indexOf(opened) + by];
  if (next) open(next, true);
}

function close() {
  request++;
  panel.classList.remove("open");
  part("source-title").textContent = "Source";
  part("source-place").textContent = "";
  part("source-text").replaceChildren(line("Choose a number behind a sentence to see it in its document."));
  part("source-close").hidden = part("source-steps").hidden = true;
  if (!opened) return;
  opened.removeAttribute("aria-current");
  if (opened.isConnected) opened.focus();
  opened = null;
}

part("source-close").addEventListener("click", close);
part("source-previous").addEventListener("click", () => step(-1));
part("source-next").addEventListener("click", () => step(1));

// This runs again when the component is mounted again; the listeners of the former run go.
if (window.stopCitations) window.stopCitations.abort();
window.stopCitations = new AbortController();
const once = { signal: window.stopCitations.signal };
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.cite");
  if (button) open(button, false);
}, once);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && opened) close();
}, once);
