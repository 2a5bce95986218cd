/** Choosing the right sentences: in the source panel every sentence becomes a button. */
import { hint, make, say } from "./dom.js";
import { latest } from "./server.js";
import { close, part, toMark, turnTo } from "./source.js";
import { number as counted, t } from "./texts.js";

const finding = latest();
/** @type {{reference: string, chosen: string[], save: (chosen: string[]) => Promise<boolean>} | null} */
let choosing = null;

export const isChoosing = () => choosing !== null;

export function stopChoosing() {
  choosing = null;
  part("source-choose").hidden = true;
}

/** @param {string} reference where to begin */
async function turnToChoice(reference) {
  choosing.reference = reference;
  await turnTo(reference, { choose: true });
  if (!choosing) return;
  for (const sentence of part("source-text").querySelectorAll(".piece")) {
    sentence.classList.toggle("near", sentence.dataset.reference === reference);
    sentence.setAttribute("aria-pressed", String(choosing.chosen.includes(sentence.dataset.reference)));
  }
  toMark();
}

/**
 * @param {{question: string, source: string}} answer with a reference near the right sentence, "" if there is none
 * @param {(chosen: string[]) => Promise<boolean>} save
 */
export async function chooseSentence(answer, save) {
  close(false);
  choosing = { reference: answer.source, chosen: [], save };
  part("source-question").textContent = t("Click the sentence that answers “{question}”.", { question: answer.question });
  part("source-words").value = "";
  part("source-found").replaceChildren();
  part("source-choose").hidden = false;
  part("source-steps").hidden = true;
  count();
  if (answer.source) await turnToChoice(answer.source);
  else part("source-text").replaceChildren(hint(t("Search for the sentence above.")));
  document.getElementById("source").classList.add("open");
  document.body.classList.add("reading");
  part("source-words").focus({ preventScroll: true });
}

function count() {
  const number = choosing.chosen.length;
  const save = part("source-keep");
  save.disabled = number === 0;
  save.textContent = number > 1 ? t("Save these {count} sentences", { count: counted(number) }) : t("Save this sentence");
}

/** @param {HTMLElement} sentence */
function pick(sentence) {
  const reference = sentence.dataset.reference;
  const chosen = choosing.chosen.includes(reference);
  choosing.chosen = chosen ? choosing.chosen.filter((other) => other !== reference) : [...choosing.chosen, reference];
  for (const same of part("source-text").querySelectorAll(".piece")) {
    if (same.dataset.reference === reference) same.setAttribute("aria-pressed", String(!chosen));
  }
  count();
}

/** @param {(request: object) => Promise<import("./server.js").Reply>} call */
export function mountChoosing(call) {
  async function find() {
    const reply = await finding(call({ do: "find", words: part("source-words").value }));
    if (!reply) return;
    if (reply.error) say(reply.error, { failed: true });
    const rows = (reply.matches ?? []).map((match) => {
      const onclick = () => { part("source-found").replaceChildren(); turnToChoice(match.reference); };
      return make("li", {}, make("button", { type: "button", textContent: `${match.title}: ${match.text}`, onclick }));
    });
    part("source-found").replaceChildren(...(rows.length ? rows : [make("li", { textContent: t("Nothing found.") })]));
  }

  part("source-cancel").addEventListener("click", () => close());
  part("source-words").addEventListener("keydown", (event) => { if (event.key === "Enter") find(); });
  part("source-keep").addEventListener("click", async () => { if (await choosing.save(choosing.chosen)) close(); });
  part("source-text").addEventListener("click", (event) => {
    const sentence = event.target.closest(".piece");
    if (sentence && choosing) pick(sentence);
  });
  part("source-text").addEventListener("keydown", (event) => {
    const sentence = event.target.closest(".piece");
    if (!sentence || !choosing || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    pick(sentence);
  });
}
