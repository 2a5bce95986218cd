/** Review tab, Changed answers: watched questions whose answers changed with the documents. */
import { askFirst, fill, make, say } from "./dom.js";
import { caller, lasting, latest } from "./server.js";
import { number, t } from "./texts.js";

const POLL = 500; // milliseconds between two looks at the progress

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const once = lasting("changes");
  const part = (id) => element.querySelector(`#changes-${id}`);
  const view = { page: 0, listed: 0 };
  const showing = latest();
  let polling = false;

  async function show() {
    const reply = await showing(call({ do: "show", ...view }));
    if (!reply || reply.gone) return;
    if (reply.error) {
      part("shown").textContent = reply.error;
      return;
    }
    fill(part("shown"), reply.html);
    fill(part("listed"), reply.listed);
    part("list").hidden = !reply.questions;
    part("list").firstElementChild.textContent = t("Watched questions ({count})", { count: number(reply.questions) });
    part("add").hidden = !reply.may_curate;
    part("tools").hidden = !reply.may_curate || !reply.questions;
    part("accept").hidden = !reply.changed;
    showSets(reply.sets);
    showJob(reply);
  }

  function showSets(sets) {
    const chosen = part("set").value;
    part("sets").hidden = !sets.length;
    part("set").replaceChildren(...sets.map(({ name, label }) => make("option", { value: name, textContent: label })));
    if (sets.some(({ name }) => name === chosen)) part("set").value = chosen;
  }

  function showJob(reply) {
    fill(part("job"), reply.job);
    if (reply.running && !polling) {
      polling = true;
      setTimeout(poll, POLL);
    }
  }

  async function poll() {
    polling = false;
    const reply = await call({ do: "progress" });
    if (reply.error || !element.isConnected) return;
    showJob(reply);
    if (!reply.running) show();
  }

  async function act(request) {
    const reply = await call(request);
    if (reply.error) say(reply.error, { failed: true });
    else if (reply.message) say(reply.message);
    show();
    return !reply.error;
  }

  part("add").addEventListener("submit", async (event) => {
    event.preventDefault();
    if (await act({ do: "add", question: part("question").value })) part("question").value = "";
  });
  part("add-set").addEventListener("click", () => act({ do: "set", set: part("set").value }));
  part("ask").addEventListener("click", () => act({ do: "ask" }));
  part("accept").addEventListener("click", async () => {
    if (await askFirst(t("Accept all new answers? The answers before are deleted."), t("Accept all"))) act({ do: "all" });
  });
  part("job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") call({ do: "stop" }); });
  element.addEventListener("click", (event) => {
    const { accept, remove, page } = event.target.closest("button")?.dataset ?? {};
    if (accept) act({ do: "accept", ids: [accept] });
    else if (remove) act({ do: "remove", ids: [remove] });
    else if (page) {
      view[part("listed").contains(event.target) ? "listed" : "page"] = Number(page);
      show();
    }
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("#tabs [role=tab]")?.dataset.tabId === "review") show();
  }, once);
  document.addEventListener("index-state", (event) => { if (event.detail.moved) show(); }, once);
  show();
}
