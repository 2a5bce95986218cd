/** What the Ask tab has in hand: the open conversation, the chosen documents, and what the question box is for. */

/**
 * A conversation; `id` is "" until its first answer. Questions that wait keep hold of theirs, so that it gets its answers even
 * if another one has been opened meanwhile.
 * @typedef {{id: string}} Thread
 */

export const desk = {
  /** @type {Thread} */ thread: { id: "" },
  /** @type {string[]} */ documents: [],
  /** @type {"new" | "edit" | "query"} */ mode: "new",
  turn: 0,
  documentCount: 0,
};

/** Sends "changed" after each change of the desk, and "answered" after each answer. */
export const deskEvents = new EventTarget();

/** @param {Partial<typeof desk>} changes */
export function hold(changes) {
  Object.assign(desk, changes);
  deskEvents.dispatchEvent(new Event("changed"));
}

/** @param {string} name of a tab, as in page.py */
export function openTab(name) {
  const tab = document.querySelector(`#tabs [role=tab][data-tab-id="${name}"]`);
  if (tab?.getAttribute("aria-selected") !== "true") tab?.click();
}
