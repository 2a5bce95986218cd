// The state of the index, looked at every few seconds while the page is seen, and often while a build runs.
const once = lasting("chip");
let last = "";
let timer = 0;
const looking = latest();

async function look() {
  clearTimeout(timer);
  const told = await looking(call({ do: "state" }));
  if (!told) return;
  const moved = `${told.digest} ${told.running}` !== last;
  last = `${told.digest} ${told.running}`;
  if (told.error) part("state").textContent = told.error;
  else {
    if (part("state").innerHTML !== told.chip) fill(part("state"), told.chip);
    document.dispatchEvent(new CustomEvent("index-state", { detail: { ...told, moved } }));
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, told.running ? 400 : 4000);
}

window.lookAtIndex = look;
document.addEventListener("visibilitychange", look, once);
look();
