/** The buttons of answers. The value of a button is "act:argument". */
import { ask, edit } from "./conversation.js";
import { desk, hold, openTab } from "./desk.js";
import { say, saveFile } from "./dom.js";
import { close } from "./source.js";
import { chooseSentence } from "./source_choose.js";
import { t } from "./texts.js";

/** @typedef {import("./server.js").Reply} Reply */

const WORD = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

/** @param {Reply} reply */
export function keep(reply) {
  if (reply.error) say(reply.error, { failed: true });
  else saveFile(reply.name, reply.text, reply.name.endsWith(".docx") ? WORD : "");
}

/** @param {(request: object) => Promise<Reply>} call @param {{signal: AbortSignal}} once */
export function mountAnswerActions(call, once) {
  const here = (turn) => ({ conversation: desk.thread.id, turn: Number(turn) });

  /** @param {string} turn @param {(reply: Reply) => void} use */
  async function withAnswer(turn, use) {
    const reply = await call({ do: "written", ...here(turn) });
    if (reply.error) say(reply.error, { failed: true });
    else use(reply);
  }

  async function judge(turn, verdict, chosen = []) {
    const reply = await call({ do: "judge", ...here(turn), verdict, chosen });
    say(reply.error || reply.message, { failed: Boolean(reply.error) });
    if (!reply.error) {
      const answer = document.querySelector(`.turn[data-turn="${turn}"] .actions`);
      answer?.querySelector(".judged")?.remove();
      answer?.append(Object.assign(document.createElement("span"), { className: "judged", textContent: reply.marked }));
    }
    return !reply.error;
  }

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
      say(t("Copied with its sources."));
    } catch {
      say(t("The browser does not allow copying. Select the text and copy it."), { failed: true });
    }
  }

  /** @type {Record<string, (argument: string) => void>} */
  const acts = {
    ask: (text) => { openTab("ask"); ask("offered", text); },
    overview: (id) => {
      if (window.innerWidth < 1180) close(false);
      hold({ documents: [] });
      openTab("ask");
      ask("new", `Overview of ${id}`);
    },
    same: () => ask("same"),
    written: () => ask("written"),
    everywhere: () => { hold({ documents: [] }); ask("same"); },
    edit: (turn) => withAnswer(turn, (reply) => edit("edit", Number(turn), reply.question)),
    query: (turn) => withAnswer(turn, (reply) => edit("query", Number(turn), reply.query)),
    copy: (turn) => withAnswer(turn, (reply) => copy(reply.text)),
    choose: (turn) => withAnswer(turn, (reply) => chooseSentence(reply, (chosen) => judge(turn, "chosen", chosen))),
    judge: (argument) => judge(argument.split(":")[0], argument.split(":")[1]),
    watch: async (turn) => {
      const reply = await call({ do: "watch", ...here(turn) });
      say(reply.error || reply.message, { failed: Boolean(reply.error) });
    },
    save: async (argument) => keep(await call({ do: "save", ...here(argument.split(":")[0]), form: argument.split(":")[1] })),
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.act[value]");
    if (!button?.value) return;
    const cut = button.value.indexOf(":");
    acts[button.value.slice(0, cut)]?.(button.value.slice(cut + 1));
  }, once);
}

