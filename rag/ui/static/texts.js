/** The page's own texts in the language of the browser, or in that of ?lang=de. The keys of a catalogue are the English texts. */

const LANGUAGES = ["en", "de", "es", "fr", "zh"];
const chosen = new URLSearchParams(location.search).get("lang");
const wanted = [...(chosen ? [chosen] : []), ...navigator.languages].map((tag) => tag.toLowerCase().split("-")[0]);

export const language = wanted.find((code) => LANGUAGES.includes(code)) ?? "en";
/** For dates and numbers: the browser's own variant of the language, such as en-GB. */
export const locale = navigator.languages.find((tag) => tag.toLowerCase().split("-")[0] === language) ?? language;
/** @type {Record<string, string>} */
const catalogue = language === "en" ? {} : await load();

async function load() {
  try {
    return await (await fetch(new URL(`catalogues/${language}.json`, import.meta.url))).json();
  } catch {
    return {}; // in English rather than not at all
  }
}

/**
 * A text in the reader's language, with `values` in place of its {names}.
 * @param {string} text
 * @param {Record<string, string | number>} [values]
 */
export const t = (text, values = {}) => (catalogue[text] ?? text).replace(/\{(\w+)\}/g, (all, name) => String(values[name] ?? all));

/** @param {number} value */
export const number = (value) => value.toLocaleString(locale);

/** The address of a conversation, or of the empty page if `id` is "". @param {string} id */
export function addressOf(id) {
  const query = new URLSearchParams([...(chosen ? [["lang", chosen]] : []), ...(id ? [["c", id]] : [])]).toString();
  return query ? `?${query}` : location.pathname;
}

/** Dates of the server's HTML in the reader's language and time zone. @param {Element} root */
export function localise(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const hours = /** @type {HTMLElement} */ (time).dataset.hours !== undefined;
    const date = new Date(/** @type {HTMLTimeElement} */ (time).dateTime);
    if (!Number.isNaN(date.getTime())) time.textContent = date.toLocaleString(locale, { dateStyle: "medium", ...(hours ? { timeStyle: "short" } : {}) });
  }
}

/** Gradio has labelled the tabs in the language of the browser, which may not be the chosen one. */
function translateTabs() {
  for (const tab of document.querySelectorAll("#tabs [role=tab][data-tab-id]")) {
    const id = /** @type {HTMLElement} */ (tab).dataset.tabId;
    const label = [...tab.childNodes].find((node) => node.nodeType === Node.TEXT_NODE && node.textContent?.trim());
    if (label) label.textContent = t(id[0].toUpperCase() + id.slice(1));
  }
}

const NAMES = ["title", "aria-label", "placeholder"];
const plain = (text) => text.replace(/\s+/g, " ").trim();
const hasText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && /\p{L}/u.test(node.textContent));

/** Translates the page's constant HTML: an element that has text of its own with all it contains. @param {Element} root */
export function translate(root) {
  document.documentElement.lang = language;
  if (chosen) translateTabs();
  if (language === "en") return;
  for (const name of NAMES) {
    for (const element of root.querySelectorAll(`[${name}]`)) element.setAttribute(name, t(element.getAttribute(name)));
  }
  for (const element of root.querySelectorAll("*")) {
    const translated = hasText(element) && catalogue[plain(element.innerHTML)];
    if (translated) element.innerHTML = translated; // of our own catalogue
  }
}
