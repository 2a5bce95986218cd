// Runs, what they measured, and their questions one by one.
let chosen = { run: "", against: "" };
let view = { words: "", misses: false, page: 0 };
let curve = null; // what each threshold costs
const [looking, showing, asking, opening] = [latest(), latest(), latest(), latest()];

async function overview() {
  const before = chosen;
  const told = await looking(call({ do: "overview", ...before }));
  if (!told) return;
  if (told.error) return void (part("eval-job").textContent = told.error);
  const set = part("set")?.value;
  fill(part("sets"), told.sets);
  if (set) part("set").value = set;
  part("evaluate").disabled = !part("set");
  fill(part("runs"), told.runs);
  if (chosen !== before) [part("run").value, part("against").value] = [chosen.run, chosen.against]; // another was chosen meanwhile
  fill(part("eval-job"), told.job);
  if (told.running) watchJob();
  else if (told.run && chosen === before) show(told.run, chosen.against);
}

async function watchJob() {
  const told = await call({ do: "progress" });
  if (told.error) return;
  fill(part("eval-job"), told.job);
  if (told.running) setTimeout(watchJob, 400);
  else {
    chosen = { run: "", against: "" };
    overview();
  }
}

async function show(run, against) {
  chosen = { run, against: against === run ? "" : against };
  opening(null); // what is open is a question of the run before
  const told = await showing(call({ do: "show", ...chosen }));
  if (!told) return;
  part("shown").hidden = Boolean(told.error);
  if (told.error) return say(told.error, true);
  fill(part("measures"), told.measures);
  fill(part("plots"), told.plots);
  fill(part("compared"), told.compared);
  part("compared").hidden = !told.compared;
  fill(part("detail"), "");
  curve = told;
  part("threshold").hidden = !told.thresholds.length || !told.unanswerable;
  costs();
  questions();
}

// The lowest threshold at which no more than the share of the unanswerable questions gets an answer.
function costs() {
  if (part("threshold").hidden) return;
  const share = Number(part("share").value) / 100;
  const at = (least) => curve.thresholds.find(least) || curve.thresholds[100];
  const there = at((one) => one.answered <= share * curve.unanswerable);
  const now = at((one) => one.threshold >= curve.now);
  part("share-said").textContent = `${part("share").value} %`;
  const told = (one) => `${one.answered} of ${curve.unanswerable} unanswerable questions get an answer, ${one.refused} of ${curve.answerable} answerable ones get none, ${one.wrong} answers are wrong`;
  part("share-costs").textContent = `Below confidence ${there.threshold.toFixed(2)} it would say nothing: ${told(there)}. Now, at ${curve.now.toFixed(2)}: ${told(now)}.`;
}

async function questions() {
  const told = await asking(call({ do: "questions", run: chosen.run, ...view }));
  if (!told) return;
  if (told.error) part("questions").textContent = told.error;
  else fill(part("questions"), told.html);
}

part("evaluate").addEventListener("click", async () => {
  const told = await call({ do: "start", set: part("set").value });
  if (told.error) say(told.error, true);
  else watchJob();
});
part("eval-job").addEventListener("click", (event) => { if (event.target.dataset.do === "stop") call({ do: "stop" }); });
part("runs").addEventListener("change", () => show(part("run").value, part("against").value));
part("shown").addEventListener("click", async (event) => {
  const form = event.target.dataset.form;
  if (!form) return;
  const file = await call({ do: "save", run: chosen.run, form });
  if (file.error) say(file.error, true);
  else keepFile(file.name, file.text);
});
part("share").addEventListener("input", costs);
part("calibrate").addEventListener("click", async () => {
  const told = await call({ do: "calibrate", run: chosen.run, false_answers: Number(part("share").value) / 100 });
  say(told.error || told.told, Boolean(told.error));
  if (!told.error) show(chosen.run, chosen.against);
});
part("question-words").addEventListener("input", () => { view = { ...view, words: part("question-words").value, page: 0 }; questions(); });
part("misses").addEventListener("change", () => { view = { ...view, misses: part("misses").checked, page: 0 }; questions(); });
part("questions").addEventListener("click", async (event) => {
  const { page, question } = event.target.closest("button")?.dataset || {};
  if (page) {
    view.page = Number(page);
    questions();
  } else if (question) {
    const told = await opening(call({ do: "question", run: chosen.run, question }));
    if (!told) return;
    if (told.error) return say(told.error, true);
    fill(part("detail"), told.html);
    part("detail-title").focus();
  }
});
overview();
