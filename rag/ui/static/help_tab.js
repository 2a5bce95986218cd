// Facts that change while the page is open, such as the number of attempts to reach other machines.
const once = lasting("help");
let timer = 0;

async function look() {
  clearTimeout(timer);
  const reply = await call({ do: "facts" });
  if (reply.error) part("facts").textContent = reply.error;
  else fill(part("facts"), reply.html);
  if (!document.hidden && element.isConnected) timer = setTimeout(look, 5000);
}

document.addEventListener("visibilitychange", look, once);
look();
