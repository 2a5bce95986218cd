// Facts that change while the page is open, the count of attempts to reach other machines among them.
const once = lasting("help");
let timer = 0;

async function look() {
  clearTimeout(timer);
  const told = await call({});
  if (told.error) part("facts").textContent = told.error;
  else fill(part("facts"), told.html);
  if (!document.hidden && element.isConnected) timer = setTimeout(look, 5000);
}

document.addEventListener("visibilitychange", look, once);
look();
