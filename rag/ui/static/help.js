/** The Help tab: facts that change while the page is open, such as the number of attempts to reach other machines. */
import { fill } from "./dom.js";
import { caller, lasting } from "./server.js";

const EVERY = 5000; // milliseconds between two looks

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const facts = element.querySelector("#facts");
  let timer = 0;

  async function look() {
    clearTimeout(timer);
    const reply = await call({ do: "facts" });
    if (reply.error) facts.textContent = reply.error;
    else fill(facts, reply.html);
    if (!document.hidden && element.isConnected) timer = setTimeout(look, EVERY);
  }

  document.addEventListener("visibilitychange", look, lasting("help"));
  look();
}
