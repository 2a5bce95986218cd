/** Elements, notices and questions to the user. */
import { localise, t } from "./texts.js";

/**
 * Shows HTML of the server's templates, which escape what they insert. Keeps the focus on the element with the same id.
 * @param {Element} target
 * @param {string} html
 */
export function fill(target, html) {
  const focused = target.contains(document.activeElement) ? document.activeElement?.id : "";
  target.innerHTML = html;
  localise(target);
  const again = focused && target.querySelector(`#${CSS.escape(focused)}`);
  if (again instanceof HTMLElement) again.focus({ preventScroll: true });
}

/**
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 */
export function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** @param {string} text */
export const hint = (text) => make("p", { className: "hint", textContent: text });

let hide = 0;

/** The line for notices, at the end of the document so that nothing covers it. */
function notice() {
  const line = make("div", { id: "said", role: "status" });
  document.body.append(line);
  return line;
}

/**
 * A notice at the bottom of the window. `undo` adds a button that calls it.
 * @param {string} text
 * @param {{failed?: boolean, undo?: () => void}} [options]
 */
export function say(text, { failed = false, undo } = {}) {
  const line = document.getElementById("said") ?? notice();
  line.replaceChildren(make("span", { textContent: text }));
  if (undo) line.append(make("button", { type: "button", textContent: t("Undo"), onclick: () => { line.className = ""; undo(); } }));
  line.className = failed ? "shown failed" : "shown";
  clearTimeout(hide);
  hide = setTimeout(() => { line.className = ""; }, failed || undo ? 9000 : 4000);
}

/** Tells screen readers only. @param {string} text */
export function announce(text) {
  const line = document.getElementById("announced");
  if (line) line.textContent = text;
}

/**
 * @param {string} name
 * @param {string} content text, or base64 of `type`
 * @param {string} [type]
 */
export function saveFile(name, content, type = "") {
  const bytes = type ? Uint8Array.from(atob(content), (character) => character.charCodeAt(0)) : content;
  const link = make("a", { href: URL.createObjectURL(new Blob([bytes], { type: type || "text/plain;charset=utf-8" })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/**
 * Asks in a dialog: gives true or, if `initial` text is to be edited, the text; null if cancelled.
 * @param {string} text
 * @param {string} confirm the label of the button
 * @param {string} [initial]
 * @returns {Promise<any>}
 */
export function askFirst(text, confirm, initial) {
  const line = make("p", { id: "asking-first", textContent: text });
  const field = make("input", { value: initial ?? "", maxLength: 1000 });
  field.setAttribute("aria-labelledby", line.id);
  const buttons = [[t("Cancel"), ""], [confirm, "sure"]].map(([label, value]) => make("button", { textContent: label, value }));
  const form = make("form", { method: "dialog" }, line, ...(initial === undefined ? [] : [field]), make("div", { className: "buttons" }, ...buttons.reverse()));
  const dialog = /** @type {HTMLDialogElement} */ (make("dialog", { className: "asking" }, form));
  dialog.setAttribute("aria-labelledby", line.id);
  document.body.append(dialog);
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue !== "sure" ? null : initial === undefined ? true : field.value);
    });
  });
}

/** Menus are popovers next to their button: never clipped, and Esc closes them. */
document.addEventListener("click", (event) => {
  const target = /** @type {Element} */ (event.target);
  const button = target.closest("button.menu-button");
  const open = target.closest(".menu[popover]");
  if (open && target.closest("button")) open.hidePopover();
  const menu = button?.nextElementSibling;
  if (!button || !menu) return;
  menu.togglePopover();
  if (!menu.matches(":popover-open")) return;
  const at = button.getBoundingClientRect();
  const below = at.bottom + 4 + menu.offsetHeight <= window.innerHeight;
  menu.style.top = `${below ? at.bottom + 4 : Math.max(8, at.top - 4 - menu.offsetHeight)}px`;
  menu.style.left = `${Math.max(8, Math.min(at.left, window.innerWidth - menu.offsetWidth - 8))}px`;
  button.setAttribute("aria-expanded", "true");
  menu.addEventListener("toggle", () => button.setAttribute("aria-expanded", String(menu.matches(":popover-open"))), { once: true });
  menu.querySelector("button")?.focus();
});
