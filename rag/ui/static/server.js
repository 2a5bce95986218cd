import { language, t } from "./texts.js";

/**
 * Requests to the server, and whether it can be reached.
 * @typedef {Record<string, any>} Reply JSON of the server; `error` is a line for the user, `gone` says that there was no reply
 */

export const GONE = t("The server is not running.");

/** Sends "lost" when the server stops answering, and "back" when it answers again. */
export const connection = new EventTarget();
let lost = false;

/** @param {boolean} now */
function setLost(now) {
  if (now === lost) return;
  lost = now;
  connection.dispatchEvent(new Event(now ? "lost" : "back"));
}

async function isReachable() {
  try {
    return (await fetch(new URL("healthz", document.baseURI), { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

/**
 * The function that calls the acts of a component.
 * @param {{call: (request: object) => Promise<Reply>}} server
 * @returns {(request: object) => Promise<Reply>}
 */
export function caller(server) {
  return async (request) => {
    /** @type {Reply | undefined} */
    let reply;
    try {
      reply = await server.call({ ...request, lang: language });
    } catch {
      reply = undefined;
    }
    if (reply) { // gradio gives nothing where there was no response
      setLost(false);
      return reply;
    }
    const reachable = await isReachable();
    setLost(!reachable);
    if (reachable) return { error: t("Something went wrong. The server's log has the details; reload the page if it happens again.") };
    return { error: GONE, gone: true };
  };
}

/**
 * For replies that are shown in one place and may arrive out of order: gives a reply, or null if a later one is awaited.
 * @returns {(pending: Promise<Reply> | null) => Promise<Reply | null>}
 */
export function latest() {
  let newest = 0;
  return async (pending) => {
    const mine = ++newest;
    const reply = await pending;
    return mine === newest ? reply : null;
  };
}

/** @type {Map<string, AbortController>} */
const running = new Map();

/**
 * Options for listeners outside a component: they end when it is mounted again.
 * @param {string} name
 */
export function lasting(name) {
  running.get(name)?.abort();
  const controller = new AbortController();
  running.set(name, controller);
  return { signal: controller.signal };
}
