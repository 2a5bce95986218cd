// Comes before every script of the page. `server` and `element` belong to the component whose script it is.
const part = (id) => element.querySelector("#" + id);

async function call(request) {
  try {
    return await server.call(request);
  } catch {
    return { error: "No response from the server. Is it still running?" };
  }
}

// For replies that are shown in one place and may arrive out of order: gives a reply, or null if a later one is awaited.
function latest() {
  let newest = 0;
  return async (pending) => {
    const mine = ++newest;
    const reply = await pending;
    return mine === newest ? reply : null;
  };
}

// The HTML comes from the server's templates, which escape what they insert. Keeps the focus where it was.
function fill(target, html) {
  const focused = document.activeElement && target.contains(document.activeElement) ? document.activeElement.id : "";
  target.innerHTML = html;
  if (focused) target.querySelector("#" + CSS.escape(focused))?.focus({ preventScroll: true });
}

function say(text, failed) {
  let line = document.getElementById("said");
  if (!line) {
    line = document.createElement("div");
    line.id = "said";
    line.setAttribute("role", "status");
    document.body.append(line);
  }
  line.textContent = text;
  line.className = failed ? "shown failed" : "shown";
  clearTimeout(window.saidUntil);
  window.saidUntil = setTimeout(() => { line.className = ""; }, failed ? 9000 : 4000);
}

function saveFile(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// Asks in a dialog: gives true or, if `initial` text is to be edited, the text; null if cancelled. `confirm` labels the button.
function askFirst(text, confirm, initial) {
  const dialog = document.createElement("dialog");
  dialog.className = "asking";
  const form = document.createElement("form");
  form.method = "dialog";
  const line = document.createElement("p");
  line.id = "asking-first";
  line.textContent = text;
  dialog.setAttribute("aria-labelledby", line.id);
  form.append(line);
  const field = document.createElement("input");
  if (initial !== undefined) {
    field.value = initial;
    field.maxLength = 1000;
    field.setAttribute("aria-labelledby", line.id);
    form.append(field);
  }
  for (const [label, value] of [[confirm, "sure"], ["Cancel", ""]]) {
    const button = document.createElement("button");
    button.textContent = label;
    button.value = value;
    form.append(button);
  }
  dialog.append(form);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue !== "sure" ? null : initial === undefined ? true : field.value);
    });
  });
}

// For listeners outside the component: they end when the component is mounted again and its script runs again.
function lasting(name) {
  window.lasting = window.lasting || {};
  if (window.lasting[name]) window.lasting[name].abort();
  window.lasting[name] = new AbortController();
  return { signal: window.lasting[name].signal };
}
