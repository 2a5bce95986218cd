/** The Documents tab: the list, adding and removing documents, and the progress of a build. */
import { addFiles, adding } from "./adding.js";
import { askFirst, fill, say } from "./dom.js";
import { caller, lasting, latest } from "./server.js";
import { lookAtIndex } from "./state.js";
import { number, t } from "./texts.js";

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const once = lasting("documents");
  const part = (id) => element.querySelector(`#${id}`);
  const view = { words: "", sort: "name", descending: false, page: 0, folder: "" };
  const listing = latest();
  /** Ids of ticked documents. @type {Set<string>} */
  const chosen = new Set();

  async function list() {
    const reply = await listing(call({ do: "list", ...view }));
    if (!reply || reply.gone) return;
    if (reply.error) {
      part("listed").textContent = reply.error;
      part("give").hidden = part("building").hidden = false; // without an index, what builds one is needed most
      return;
    }
    fill(part("listed"), reply.html);
    fill(part("built-changes"), reply.changes);
    part("give").hidden = part("building").hidden = !reply.may_curate;
    part("undo").disabled = !reply.can_undo;
    showChosen();
  }

  function showChosen() {
    for (const box of part("listed").querySelectorAll("input.choose")) box.checked = chosen.has(box.value);
    part("bulk").hidden = chosen.size === 0;
    part("bulk-count").textContent = t("{count} chosen", { count: number(chosen.size) });
  }

  async function act(request) {
    const reply = await call(request);
    if (reply.error) say(reply.error, { failed: true });
    else if (reply.message) say(reply.message);
    lookAtIndex();
    list();
    return reply;
  }

  async function remove(ids) {
    const words = ids.length === 1 ? t("Remove {document}? Its file is deleted, and nothing of it stays in the index.", { document: ids[0] }) : t("Remove these {count} documents? Their files are deleted, and nothing of them stays in the index.", { count: number(ids.length) });
    if (!(await askFirst(words, t("Remove")))) return;
    chosen.clear();
    act({ do: "remove", ids });
  }

  part("files").addEventListener("change", async () => {
    await addFiles([...part("files").files]);
    part("files").value = "";
  });
  part("file-words").addEventListener("input", () => { view.words = part("file-words").value; view.page = 0; list(); });
  part("build").addEventListener("click", () => act({ do: "build" }));
  part("build-full").addEventListener("click", () => act({ do: "build", full: true }));
  part("undo").addEventListener("click", async () => {
    if (await askFirst(t("Restore the previous index? Your files stay as they are."), t("Undo last update"))) act({ do: "undo" });
  });
  part("bulk-remove").addEventListener("click", () => remove([...chosen]));
  part("bulk-clear").addEventListener("click", () => { chosen.clear(); showChosen(); });
  part("job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") act({ do: "stop" }); });
  part("listed").addEventListener("change", (event) => {
    const { value, checked, id } = event.target;
    const boxes = id === "choose-all" ? [...part("listed").querySelectorAll("input.choose")].map((box) => box.value) : [value];
    for (const name of boxes) checked ? chosen.add(name) : chosen.delete(name);
    showChosen();
  });
  part("listed").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { sort, page, folder, id } = button.dataset;
    if (sort) Object.assign(view, { descending: view.sort === sort && !view.descending, sort });
    else if (page) view.page = Number(page);
    else if (folder !== undefined) Object.assign(view, { folder, page: 0 });
    else if (button.dataset.do === "remove") return void remove([id]);
    else return;
    list();
  });

  adding.addEventListener("added", (event) => { fill(part("given"), event.detail); list(); }, once);
  // The chip asks the server regularly and passes on its replies.
  document.addEventListener("index-state", (event) => {
    fill(part("job"), event.detail.job);
    if (event.detail.moved) list();
  }, once);
  list();
  lookAtIndex();
}
