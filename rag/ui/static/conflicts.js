/** Review tab, Conflicts: sentences that contradict each other side by side; places open the source panel (source.js). */
import { fill, say } from "./dom.js";
import { caller, latest } from "./server.js";

const EVERY = 500; // milliseconds between two looks at the progress

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const part = (id) => element.querySelector(`#conflicts-${id}`);
  const showing = latest();
  let page = 0;
  let timer = 0; // of the next look at the progress: there is only one

  async function show() {
    const reply = await showing(call({ do: "show", page }));
    if (!reply) return;
    if (reply.error) {
      part("job").textContent = reply.error;
      return;
    }
    fill(part("job"), reply.job);
    part("stale").hidden = !reply.stale || reply.running;
    part("find").disabled = reply.running;
    clearTimeout(timer);
    if (reply.running) timer = setTimeout(show, EVERY);
    else fill(part("found"), reply.found);
  }

  part("find").addEventListener("click", async () => {
    const reply = await call({ do: "find" });
    if (reply.error) return say(reply.error, { failed: true });
    page = 0;
    show();
  });
  part("job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") call({ do: "stop" }); });
  part("found").addEventListener("click", (event) => {
    const turned = event.target.closest("button")?.dataset.page;
    if (!turned) return;
    page = Number(turned);
    show();
  });
  show();
}
