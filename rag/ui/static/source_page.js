/** A page of a PDF as a picture, scrolled to its mark, with zoom and arrows. */
import { fill, hint, make } from "./dom.js";
import { latest } from "./server.js";
import { part, toMark, view } from "./source.js";
import { t } from "./texts.js";

const ZOOMS = [100, 150, 200, 300]; // percent of the panel's width
const drawing = latest();
/** @type {(request: object) => Promise<import("./server.js").Reply>} */
let call;
let wanted = false; // the user has switched from text to pages
let page = 0;
let zoom = 0;

/** Offers the pages of a PDF; whether they are shown instead of its text. @param {import("./server.js").Reply} source */
export function offerPages(source) {
  const button = part("source-page");
  button.hidden = !source.drawn;
  const shown = wanted && !button.hidden;
  button.textContent = shown ? t("Text") : t("Page {number}", { number: source.drawn });
  part("source-plain").hidden = shown;
  part("page-tools").hidden = !shown;
  if (shown) draw(source.drawn);
  return shown;
}

/** @param {number} number */
async function draw(number) {
  page = number;
  const text = part("source-text");
  part("page-number").textContent = t("Page {number} of {total}", { number: page, total: view.pages });
  part("page-previous").disabled = page <= 1;
  part("page-next").disabled = page >= view.pages;
  if (!text.querySelector("img")) text.replaceChildren(hint(t("Drawing the page …")));
  const reply = await drawing(call({ do: "page", reference: view.reference, page }));
  if (!reply || !wanted) return;
  if (reply.error) return void text.replaceChildren(hint(reply.error));
  const place = { number: page, title: view.title, sentence: view.sentence };
  const marked = page === view.drawn && view.sentence;
  const picture = /** @type {HTMLImageElement} */ (make("img", { src: reply.picture, alt: marked ? t("Page {number} of {title}, with this sentence marked: {sentence}", place) : t("Page {number} of {title}", place) }));
  await picture.decode();
  text.replaceChildren(picture);
  resize();
}

function resize() {
  const text = part("source-text");
  const picture = text.querySelector("img");
  if (!picture) return;
  picture.style.width = `${ZOOMS[zoom]}%`;
  part("zoom-out").disabled = zoom === 0;
  part("zoom-in").disabled = zoom === ZOOMS.length - 1;
  const mark = markOf(picture);
  text.scrollTop = mark.top * picture.clientHeight - text.clientHeight / 3;
  text.scrollLeft = mark.left * picture.clientWidth - text.clientWidth / 3;
}

/** Where the yellow mark begins, as shares of the picture's height and width; 0 without one. @param {HTMLImageElement} picture */
function markOf(picture) {
  const width = 200; // enough to find a line of text
  const height = Math.round((width * picture.naturalHeight) / picture.naturalWidth);
  const canvas = /** @type {HTMLCanvasElement} */ (make("canvas", { width, height }));
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  for (let at = 0; at < data.length; at += 4) {
    if (data[at] > 230 && data[at + 1] > 200 && data[at + 2] < 190) {
      const pixel = at / 4;
      return { top: Math.floor(pixel / width) / height, left: (pixel % width) / width };
    }
  }
  return { top: 0, left: 0 };
}

/** @param {(request: object) => Promise<import("./server.js").Reply>} caller */
export function mountPages(caller) {
  call = caller;
  part("source-page").addEventListener("click", () => {
    wanted = !wanted;
    if (offerPages(view)) return;
    fill(part("source-text"), view.html);
    toMark();
  });
  part("page-previous").addEventListener("click", () => draw(page - 1));
  part("page-next").addEventListener("click", () => draw(page + 1));
  part("zoom-out").addEventListener("click", () => { zoom -= 1; resize(); });
  part("zoom-in").addEventListener("click", () => { zoom += 1; resize(); });
}
