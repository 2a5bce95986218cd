/** The Evaluation tab: runs, their measures, and their questions one by one. */
import { fill, say, saveFile } from "./dom.js";
import { caller, latest } from "./server.js";
import { t } from "./texts.js";

/** @param {{element: HTMLElement, server: any}} component */
export function mount({ element, server }) {
  const call = caller(server);
  const part = (id) => element.querySelector(`#${id}`);
  let chosen = { run: "", against: "" };
  let view = { words: "", kind: "", page: 0 };
  let opened = null; // the run that is shown, with what each threshold costs
  const [looking, showing, listing, opening] = [latest(), latest(), latest(), latest()];

  async function overview() {
    const before = chosen;
    const reply = await looking(call({ do: "overview", ...before }));
    if (!reply) return;
    if (reply.error) {
      part("eval-job").textContent = reply.error;
      return;
    }
    const set = part("set")?.value;
    fill(part("sets"), reply.sets);
    if (set) part("set").value = set;
    part("evaluate").disabled = !part("set");
    fill(part("runs"), reply.runs);
    if (chosen !== before) [part("run").value, part("against").value] = [chosen.run, chosen.against]; // another was chosen in the meantime
    fill(part("eval-job"), reply.job);
    showGuarantee(reply);
    if (reply.running) watchJob();
    else if (reply.run && chosen === before) show(reply.run, chosen.against);
  }

  function showGuarantee(reply) {
    part("guarantee-state").hidden = !reply.guarantee;
    part("guarantee-line").textContent = reply.guarantee;
    part("check-guarantee").hidden = !reply.unchecked || reply.running;
  }

  async function watchJob() {
    const reply = await call({ do: "progress" });
    if (reply.error) return;
    showGuarantee(reply);
    fill(part("eval-job"), reply.job);
    if (reply.running) setTimeout(watchJob, 400);
    else {
      chosen = { run: "", against: "" };
      overview();
    }
  }

  async function show(run, against) {
    chosen = { run, against: against === run ? "" : against };
    opening(null); // a question that is being opened belongs to the previous run
    const reply = await showing(call({ do: "show", ...chosen }));
    if (!reply) return;
    part("shown").hidden = Boolean(reply.error);
    if (reply.error) return say(reply.error, { failed: true });
    fill(part("headline"), reply.headline);
    fill(part("measures"), reply.measures);
    fill(part("plots"), reply.plots);
    fill(part("compared"), reply.compared);
    part("compared").hidden = !reply.compared;
    fill(part("detail"), "");
    opened = reply;
    part("guarantee").hidden = !reply.thresholds.length || !reply.unanswerable;
    part("threshold").hidden = !reply.thresholds.length || !reply.unanswerable;
    showCosts();
    listQuestions();
  }

  // The lowest threshold at which at most the chosen share of unanswerable questions gets an answer.
  function showCosts() {
    if (part("threshold").hidden) return;
    const share = Number(part("share").value) / 100;
    const first = (fits) => opened.thresholds.find(fits) || opened.thresholds[100];
    const chosenThreshold = first((threshold) => threshold.answered <= share * opened.unanswerable);
    const present = first((threshold) => threshold.threshold >= opened.now);
    part("share-said").textContent = `${part("share").value}%`;
    const costs = (threshold) =>
      t("{answered} of {unanswerable} unanswerable questions get an answer, {refused} of {answerable} answerable questions get none, {wrong} answers are wrong", { ...opened, ...threshold });
    part("share-costs").textContent =
      t("With a minimum confidence of {threshold}: {costs}. Now, at {now}: {present}.", { threshold: chosenThreshold.threshold.toFixed(2), costs: costs(chosenThreshold), now: opened.now.toFixed(2), present: costs(present) });
  }

  async function listQuestions() {
    const reply = await listing(call({ do: "questions", ...chosen, ...view }));
    if (!reply) return;
    if (reply.error) part("questions").textContent = reply.error;
    else fill(part("questions"), reply.html);
  }

  part("evaluate").addEventListener("click", async () => {
    const reply = await call({ do: "start", set: part("set").value });
    if (reply.error) say(reply.error, { failed: true });
    else watchJob();
  });
  part("eval-job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") call({ do: "stop" }); });
  part("runs").addEventListener("change", () => {
    part("guarantee-said").textContent = "";
    show(part("run").value, part("against").value);
  });
  part("shown").addEventListener("click", async (event) => {
    const form = event.target.dataset.form;
    if (!form) return;
    const file = await call({ do: "save", run: chosen.run, form });
    if (file.error) say(file.error, { failed: true });
    else saveFile(file.name, file.text);
  });
  part("share").addEventListener("input", showCosts);
  part("calibrate").addEventListener("click", async () => {
    const reply = await call({ do: "calibrate", run: chosen.run, false_answers: Number(part("share").value) / 100 });
    say(reply.error || reply.message, { failed: Boolean(reply.error) });
    if (!reply.error) show(chosen.run, chosen.against);
  });
  part("give-guarantee").addEventListener("click", async () => {
    const reply = await call({ do: "guarantee", run: chosen.run, at_most: Number(part("at-most").value) / 100 });
    part("guarantee-said").textContent = reply.error || reply.message;
    if (!reply.error) overview();
  });
  part("check-guarantee").addEventListener("click", async () => {
    const reply = await call({ do: "check" });
    if (reply.error) say(reply.error, { failed: true });
    else watchJob();
  });
  part("question-words").addEventListener("input", () => { view = { ...view, words: part("question-words").value, page: 0 }; listQuestions(); });
  part("question-kind").addEventListener("change", () => { view = { ...view, kind: part("question-kind").value, page: 0 }; listQuestions(); });
  part("questions").addEventListener("click", async (event) => {
    const { page, question } = event.target.closest("button")?.dataset || {};
    if (page) {
      view.page = Number(page);
      listQuestions();
    } else if (question) {
      const reply = await opening(call({ do: "question", run: chosen.run, question }));
      if (!reply) return;
      if (reply.error) return say(reply.error, { failed: true });
      fill(part("detail"), reply.html);
      part("detail-title").focus();
    }
  });
  overview();
}
