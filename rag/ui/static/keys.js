/** Keys that work wherever nothing is typed. */
import { openTab } from "./desk.js";
import { openNumber, step } from "./source.js";

/** @param {{signal: AbortSignal}} once */
export function mountKeys(once) {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    if (target.matches("input:not([type=checkbox]):not([type=range]), textarea, select, [contenteditable]")) return;
    if (event.key === "/") {
      openTab("ask");
      document.querySelector("#question textarea").focus();
    } else if (event.key === "?") openTab("help");
    else if (/^[1-9]$/.test(event.key)) openNumber(Number(event.key));
    else if (event.key === "[" || event.key === "]") step(event.key === "[" ? -1 : 1);
    else return;
    event.preventDefault();
  }, once);
}
