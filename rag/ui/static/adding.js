/** Adding files: dropped anywhere on the page, or chosen on the Documents tab. */
import { askFirst, fill, make, say } from "./dom.js";
import { caller, lasting } from "./server.js";
import { lookAtIndex } from "./state.js";
import { t } from "./texts.js";

/** Sends "added" with the HTML of the results. */
export const adding = new EventTarget();
/** @type {(request: object) => Promise<import("./server.js").Reply>} */
let call;
/** @type {(file: File) => Promise<{path: string}>} */
let store;

/** @param {HTMLElement} results */
function report(results) {
  adding.dispatchEvent(new CustomEvent("added", { detail: results.innerHTML }));
  const lines = [...results.querySelectorAll("li, p")].map((line) => line.textContent.trim());
  say(lines.length > 3 ? t("{count} files: see the Documents tab.", { count: lines.length }) : lines.join(" · "), { failed: Boolean(results.querySelector(".failed")) });
}

/** @param {File[]} files @param {boolean} [replace] whether documents of the same name are replaced */
export async function addFiles(files, replace = false) {
  if (!files.length) return;
  say(files.length === 1 ? t("Adding {name} …", { name: files[0].name }) : t("Adding {count} files …", { count: files.length }));
  const paths = [];
  const refused = [];
  for (const file of files) {
    try {
      paths.push((await store(file)).path);
    } catch {
      refused.push(file.name);
    }
  }
  const reply = paths.length ? await call({ do: "add", paths, replace }) : {};
  if (reply.error) return say(reply.error, { failed: true });
  const results = make("div");
  fill(results, reply.html ?? "");
  for (const name of refused) results.append(make("p", { className: "result failed", textContent: t("{name}: the server refused it; it may be too large, or you may not add documents", { name }) }));
  report(results);
  lookAtIndex();
  const other = files.filter((file) => (reply.other ?? []).includes(file.name));
  const names = other.map((file) => file.name).join(", ");
  if (other.length && (await askFirst(t("{names}: there is already a document of this name with other content. Replace it?", { names }), t("Replace")))) addFiles(other, true);
}

/** @param {{element: HTMLElement, server: any, upload: (file: File) => Promise<{path: string}>}} component */
export function mount({ server, upload }) {
  call = caller(server);
  store = upload;
  const once = lasting("adding");
  for (const kind of ["dragover", "dragleave", "drop"]) {
    document.addEventListener(kind, (event) => {
      if (![...(event.dataTransfer?.types ?? [])].includes("Files")) return;
      event.preventDefault();
      document.body.classList.toggle("dropping", kind === "dragover");
      if (kind === "drop") addFiles([...event.dataTransfer.files]);
    }, once);
  }
}
