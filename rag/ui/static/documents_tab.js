// The list of documents, giving and removing them, and how far a build is.
const once = lasting("documents");
const view = { words: "", sort: "name", descending: false, page: 0 };
const listing = latest();

async function list() {
  const told = await listing(call({ do: "list", ...view }));
  if (!told) return;
  if (told.error) {
    part("listed").textContent = told.error;
    part("give").hidden = part("building").hidden = false;
    return;
  }
  fill(part("listed"), told.html);
  fill(part("built-changes"), told.changes);
  part("give").hidden = part("building").hidden = !told.may_curate;
  part("back").disabled = !told.former;
}

async function act(told) {
  const answer = await call(told);
  if (answer.error) say(answer.error, true);
  else if (answer.told) say(answer.told);
  window.lookAtIndex?.();
  list();
  return answer;
}

async function give(files, replace) {
  if (!files.length) return;
  part("given").textContent = `Taking in ${files.length} files …`;
  const paths = [];
  const refused = [];
  for (const file of files) {
    try {
      paths.push((await upload(file)).path);
    } catch {
      refused.push(file.name);
    }
  }
  const told = await act({ do: "add", paths, replace });
  fill(part("given"), told.html || "");
  for (const name of refused) {
    const line = document.createElement("p");
    line.className = "result failed";
    line.textContent = `${name}: the server did not take it; it may be too large`;
    part("given").append(line);
  }
  const other = [...files].filter((file) => (told.other || []).includes(file.name));
  if (other.length && (await askFirst(`${other.map((file) => file.name).join(", ")}: a document of this name has other content. Replace it?`, "Replace"))) {
    give(other, true);
  }
}

part("files").addEventListener("change", async () => {
  await give([...part("files").files], false);
  part("files").value = "";
});
for (const kind of ["dragover", "dragleave", "drop"]) {
  part("drop").addEventListener(kind, (event) => {
    event.preventDefault();
    part("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") give([...event.dataTransfer.files], false);
  });
}
part("file-words").addEventListener("input", () => { view.words = part("file-words").value; view.page = 0; list(); });
part("build").addEventListener("click", () => act({ do: "build" }));
part("build-full").addEventListener("click", () => act({ do: "build", full: true }));
part("back").addEventListener("click", async () => {
  if (await askFirst("Make the build before this one live again? The files stay as they are.", "Roll back")) act({ do: "back" });
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
    if (await askFirst(`Remove ${name}? Its file is deleted, and everything of it leaves the index.`, "Remove")) act({ do: "remove", id: name });
  }
});

// The chip sees to the clock; it hands on what it was told.
document.addEventListener("index-state", (event) => {
  fill(part("job"), event.detail.job);
  if (event.detail.moved) list();
}, once);
list();
window.lookAtIndex?.();
