// The list of documents, adding and removing them, and the progress of a build.
const once = lasting("documents");
const view = { words: "", sort: "name", descending: false, page: 0 };
const listing = latest();

async function list() {
  const reply = await listing(call({ do: "list", ...view }));
  if (!reply) return;
  if (reply.error) {
    part("listed").textContent = reply.error;
    part("give").hidden = part("building").hidden = false; // without an index, what builds one is needed most
    return;
  }
  fill(part("listed"), reply.html);
  fill(part("built-changes"), reply.changes);
  part("give").hidden = part("building").hidden = !reply.may_curate;
  part("undo").disabled = !reply.can_undo;
}

async function act(request) {
  const reply = await call(request);
  if (reply.error) say(reply.error, true);
  else if (reply.message) say(reply.message);
  window.lookAtIndex?.();
  list();
  return reply;
}

async function add(files, replace) {
  if (!files.length) return;
  part("given").textContent = files.length === 1 ? "Adding 1 file …" : `Adding ${files.length} files …`;
  const paths = [];
  const refused = [];
  for (const file of files) {
    try {
      paths.push((await upload(file)).path);
    } catch {
      refused.push(file.name);
    }
  }
  const reply = await act({ do: "add", paths, replace });
  fill(part("given"), reply.html || "");
  for (const name of refused) {
    const line = document.createElement("p");
    line.className = "result failed";
    line.textContent = `${name}: the server refused it; it may be too large`;
    part("given").append(line);
  }
  const other = [...files].filter((file) => (reply.other || []).includes(file.name));
  if (other.length && (await askFirst(`${other.map((file) => file.name).join(", ")}: there is already a document of this name with other content. Replace it?`, "Replace"))) {
    add(other, true);
  }
}

part("files").addEventListener("change", async () => {
  await add([...part("files").files], false);
  part("files").value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  part("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    part("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") add([...event.dataTransfer.files], false);
  });
}
part("file-words").addEventListener("input", () => { view.words = part("file-words").value; view.page = 0; list(); });
part("build").addEventListener("click", () => act({ do: "build" }));
part("build-full").addEventListener("click", () => act({ do: "build", full: true }));
part("undo").addEventListener("click", async () => {
  if (await askFirst("Restore the previous index? Your files stay as they are.", "Undo last update")) act({ do: "undo" });
});
part("job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") act({ do: "stop" }); });
part("listed").addEventListener("click", async (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.sort) {
    view.descending = view.sort === button.dataset.sort && !view.descending;
    view.sort = button.dataset.sort;
    list();
  } else if (button.dataset.page) {
    view.page = Number(button.dataset.page);
    list();
  } else if (button.dataset.do === "remove") {
    const name = button.dataset.id;
    if (await askFirst(`Remove ${name}? Its file is deleted, and nothing of it stays in the index.`, "Remove")) act({ do: "remove", id: name });
  }
});

// The chip asks the server regularly and passes on its replies.
document.addEventListener("index-state", (event) => {
  fill(part("job"), event.detail.job);
  if (event.detail.moved) list();
}, once);
list();
window.lookAtIndex?.();
