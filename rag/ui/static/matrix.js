/** Review tab, Evidence matrix: questions are put to each document; cells open the source panel (source.js). */
import { fill, say, saveFile } from "./dom.js";
import { caller, latest } from "./server.js";

const EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
const EVERY = 500; // milliseconds between two looks at the progress

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const part = (id) => element.querySelector(`#matrix-${id}`);
  const [showing, looking] = [latest(), latest()];
  let page = 0;
  let timer = 0; // of the next look at the progress: there is only one

  async function show() {
    const reply = await showing(call({ do: "show", weak: part("weak").checked, page }));
    if (!reply) return;
    part("made").hidden = !reply.table;
    part("stale").hidden = !reply.stale || reply.running;
    if (reply.error) {
      part("job").textContent = reply.error;
      return;
    }
    fill(part("table"), reply.table);
    fill(part("job"), reply.job);
    clearTimeout(timer);
    if (reply.running) timer = setTimeout(watchJob, EVERY);
  }

  async function watchJob() {
    const reply = await looking(call({ do: "progress" }));
    if (!reply || reply.error) return;
    fill(part("job"), reply.job);
    clearTimeout(timer);
    if (reply.running) timer = setTimeout(watchJob, EVERY);
    else show();
  }

  part("start").addEventListener("click", async () => {
    const reply = await call({ do: "start", questions: part("questions").value, documents: part("documents").value });
    if (reply.error) return say(reply.error, { failed: true });
    page = 0;
    watchJob();
  });
  part("job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") call({ do: "stop" }); });
  part("weak").addEventListener("change", show);
  part("made").addEventListener("click", async (event) => {
    const { form, page: turned } = event.target.closest("button")?.dataset || {};
    if (turned) {
      page = Number(turned);
      show();
    } else if (form) {
      const server = new URL(".", document.baseURI).href;
      const file = await call({ do: "save", form, weak: part("weak").checked, server });
      if (file.error) say(file.error, { failed: true });
      else saveFile(file.name, file.text, form === "xlsx" ? EXCEL : "");
    }
  });
  show();
}
