// The state of the index: asked for every few seconds while the page is visible, and often during a build.
const once = lasting("chip");
let last = "";
let timer = 0;
const looking = latest();

async function look() {
  clearTimeout(timer);
  const reply = await looking(call({ do: "state" }));
  if (!reply) return;
  const now = `${reply.digest} ${reply.running}`;
  const moved = now !== last;
  last = now;
  if (reply.error) part("state").textContent = reply.error;
  else {
    if (part("state").innerHTML !== reply.chip) fill(part("state"), reply.chip);
    document.dispatchEvent(new CustomEvent("index-state", { detail: { ...reply, moved } }));
  }
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(look, reply.running ? 400 : 4000);
}

window.lookAtIndex = look;
document.addEventListener("visibilitychange", look, once);
look();
