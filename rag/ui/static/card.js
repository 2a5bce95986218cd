/** The card of a number: the quote between its neighbours, shown next to the reading column while the pointer or focus is on it. */

const DELAY = 150; // milliseconds
const KEPT = 200; // cards

/**
 * @param {HTMLElement} card
 * @param {(request: object) => Promise<import("./server.js").Reply>} call
 * @param {{signal: AbortSignal}} once
 */
export function mountCard(card, call, once) {
  /** @type {Map<string, import("./server.js").Reply>} */
  const seen = new Map();
  /** @type {HTMLButtonElement | null} */
  let hovered = null;
  let timer = 0;
  const part = (name) => card.querySelector(`.${name}`);

  function hide() {
    clearTimeout(timer);
    hovered?.removeAttribute("aria-describedby");
    hovered = null;
    card.hidden = true;
  }

  async function show(button) {
    let reply = seen.get(button.value);
    if (!reply) {
      reply = await call({ do: "card", reference: button.value });
      if (seen.size > KEPT) seen.clear();
      if (!reply.error) seen.set(button.value, reply);
    }
    if (hovered !== button || !button.isConnected) return;
    part("title").textContent = reply.error || reply.title;
    card.querySelector("blockquote").lang = reply.language ?? "";
    part("before").textContent = reply.before ?? "";
    part("sentence").textContent = reply.sentence ?? "";
    part("after").textContent = reply.after ?? "";
    part("place").textContent = reply.place ?? "";
    card.hidden = false;
    button.setAttribute("aria-describedby", "card");
    place(button);
  }

  /** To the right of the column if there is room, so that it does not cover the quote; else below or above the line. */
  function place(button) {
    const at = button.getBoundingClientRect();
    const column = button.closest(".turn, .detail").getBoundingClientRect();
    const panel = document.querySelector("#source.open")?.getBoundingClientRect().left ?? window.innerWidth;
    const beside = column.right + 24 + card.offsetWidth <= panel;
    const below = at.bottom + 8 + card.offsetHeight <= window.innerHeight - 8;
    card.style.left = `${beside ? column.right + 24 : Math.max(8, Math.min(at.left - 24, window.innerWidth - card.offsetWidth - 8))}px`;
    card.style.top = `${beside ? Math.min(at.top - 16, window.innerHeight - card.offsetHeight - 8) : below ? at.bottom + 8 : at.top - card.offsetHeight - 8}px`;
  }

  for (const kind of ["pointerover", "focusin"]) {
    document.addEventListener(kind, (event) => {
      const button = event.target.closest?.(".answer button.cite");
      if (button === hovered && button) return;
      if (event.target.closest?.("#card")) return;
      hide();
      if (!button || button.hasAttribute("aria-current") || (kind === "pointerover" && event.pointerType === "touch")) return;
      hovered = button;
      timer = setTimeout(() => show(button), DELAY);
    }, once);
  }
  part("open").addEventListener("click", () => { hovered?.click(); });
  document.addEventListener("click", (event) => { if (!event.target.closest("#card")) hide(); }, once);
  window.addEventListener("scroll", (event) => { if (!card.contains(event.target)) hide(); }, { ...once, capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || card.hidden) return;
    event.preventDefault(); // the source stays open
    hide();
  }, { ...once, capture: true });
}
