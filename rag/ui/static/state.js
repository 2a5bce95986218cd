/** The state of the index and of the server: asked for every few seconds while the page is visible, and often during a build. */
import { fill, make } from "./dom.js";
import { caller, lasting, latest } from "./server.js";
import { t } from "./texts.js";

const EVERY = 4000; // milliseconds between two looks
const OFTEN = 400; // during a build
const looking = latest();
/** @type {() => Promise<void>} */
let look = async () => {};

/** Asks for the state now. */
export const lookAtIndex = () => look();

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const once = lasting("state");
  const state = element.querySelector("#state");
  let last = "";
  let timer = 0;

  look = async () => {
    clearTimeout(timer);
    const reply = await looking(call({ do: "state" }));
    if (!reply) return;
    const now = `${reply.digest} ${reply.running}`;
    const moved = now !== last;
    if (!reply.gone) last = now;
    if (reply.gone) state.replaceChildren(make("p", { className: "state gone", textContent: t("Not running – your question is kept") }));
    else if (reply.error) state.textContent = reply.error;
    else {
      if (state.innerHTML.trim() !== reply.chip.trim()) fill(state, reply.chip);
      document.documentElement.toggleAttribute("data-curator", reply.may_curate); // the styles hide what only curators may do
      document.dispatchEvent(new CustomEvent("index-state", { detail: { ...reply, moved } }));
    }
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(look, reply.running ? OFTEN : EVERY);
  };
  document.addEventListener("visibilitychange", look, once);
  look();
}
