/** Review tab, Unanswered questions: what the documents lack, by what users asked. */
import { openTab } from "./desk.js";
import { askFirst, fill, say } from "./dom.js";
import { caller, latest } from "./server.js";
import { t } from "./texts.js";

const EVERY = 500; // milliseconds between two looks at the progress

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const [groups, job] = ["groups", "job"].map((name) => element.querySelector(`#unanswered-${name}`));
  const showing = latest();
  let page = 0;
  let timer = 0; // of the next look at the progress: there is only one

  /** @param {boolean} check whether questions of an earlier build are asked again */
  async function show(check = false) {
    const reply = await showing(call({ do: "show", page, check }));
    if (!reply) return;
    if (reply.error) {
      job.textContent = reply.error;
      return;
    }
    fill(groups, reply.html);
    fill(job, reply.job);
    clearTimeout(timer);
    if (reply.running) timer = setTimeout(show, EVERY);
  }

  /** @param {Record<string, any>} request */
  async function change(request) {
    const reply = await call(request);
    if (reply.error) return say(reply.error, { failed: true });
    if (reply.message) say(reply.message);
    show();
  }

  async function clear() {
    if (await askFirst(t("Delete all unanswered questions?"), t("Delete"))) change({ do: "clear" });
  }

  element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { do: act, page: turned } = button.dataset;
    if (turned) {
      page = Number(turned);
      show();
    } else if (act === "add") openTab("documents");
    else if (act === "set" || act === "dismiss") change({ do: act, group: button.value });
    else if (act === "clear") clear();
    else if (act) change({ do: act });
  });
  new IntersectionObserver((seen) => { if (seen.some((entry) => entry.isIntersecting)) show(true); }).observe(element);
}
