// What every script of the page begins with. `server` and `element` are those of the component that the script belongs to.
const part = (id) => element.querySelector("#" + id);

async function call(told) {
  try {
    return await server.call(told);
  } catch {
    return { error: "The program does not answer: is it still running?" };
  }
}

// For replies that are shown in one place and may come out of order: a reply, or null where a later one is awaited by then.
function latest() {
  let newest = 0;
  return async (reply) => {
    const mine = ++newest;
    const told = await reply;
    return mine === newest ? told : null;
  };
}

// HTML comes from the server's rendering functions, which escape every foreign text. Focus stays where it was.
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

function keepFile(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// A question with a dialog: gives back true, what was typed, or null. `sure` names the button that goes on.
function askFirst(text, sure, typed) {
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
  if (typed !== undefined) {
    field.value = typed;
    field.setAttribute("aria-labelledby", line.id);
    form.append(field);
  }
  for (const [label, value] of [[sure, "sure"], ["Cancel", ""]]) {
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
      resolve(dialog.returnValue !== "sure" ? null : typed === undefined ? true : field.value);
    });
  });
}

// Listeners on the document go when the component is mounted again and this script with it.
function lasting(name) {
  window.lasting = window.lasting || {};
  if (window.lasting[name]) window.lasting[name].abort();
  window.lasting[name] = new AbortController();
  return { signal: window.lasting[name].signal };
}
