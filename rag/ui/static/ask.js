/** The Ask tab. */
import { mountAnswerActions } from "./answer_actions.js";
import { mountComposer } from "./composer.js";
import { ask, lastQuestion, mountConversation, showSimilar } from "./conversation.js";
import { mountConversations } from "./conversations.js";
import { desk } from "./desk.js";
import { mountKeys } from "./keys.js";
import { caller, lasting } from "./server.js";

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const once = lasting("ask");
  mountComposer(element, {
    ask: (text) => ask(desk.mode, text, desk.turn),
    similar: showSimilar,
    previous: lastQuestion,
  });
  mountConversations(element, call, once);
  mountAnswerActions(call, once);
  mountKeys(once);
  mountConversation(call, once);
}
