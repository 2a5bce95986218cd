"""The text of inline elements that are more, or other, than the text in them: raised figures, images, form fields, dates."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from selectolax.lexbor import LexborNode

from rag.loading.raised_figures import lowered, raised
from rag.loading.web.formulas import formula
from rag.loading.web.visible import WHITE_SPACE, is_dropped

LINE_BREAK = "\0"  # stands for <br> while white space is collapsed; text never keeps this character
TICKED = "☑"
UNTICKED = "☐"
_FILE_NAME = re.compile(r"\S*\.(?:png|jpe?g|gif|svg|webp|bmp|tiff?)", re.I)
_NO_DATE = re.compile(r"\D*|.*\bago\W*", re.DOTALL)
_BACK = re.compile("[\\s\u2191\u21a9\u21b5\u2934\u23ce\ufe0e\ufe0f^]+")
_PLAIN_MARK = re.compile(r"\w{1,4}")
_LEFT_OUT = {
    "iframe": "embedded pages",
    "video": "videos and recordings",
    "audio": "videos and recordings",
    "canvas": "drawings",
}
_HIDDEN_FIELDS = frozenset("hidden password submit button reset image file".split())


@dataclass
class Omissions:
    """What a page's readers see and its text lacks, counted; and the marks of footnotes by the id of their note."""

    left_out: Counter[str] = field(default_factory=Counter)
    marks: dict[str, str] = field(default_factory=dict)

    def notes(self) -> tuple[str, ...]:
        return tuple(f"{what} left out: {count}" for what, count in sorted(self.left_out.items()))


def inline_text(node: LexborNode, tag: str, omissions: Omissions) -> str | None:
    """The text of an inline element whose content is not walked; None for all others."""
    if tag in ("sup", "sub"):
        return _shifted(node, tag, omissions)
    if tag == "a":
        return _note_link(node, omissions)
    if tag == "math":
        return formula(node)
    if tag == "img":
        return _image(node, omissions)
    if tag == "svg":
        return _drawing(node, omissions)
    if tag == "time":
        return _time(node)
    if tag in ("input", "select", "textarea"):
        return _form_field(node, tag)
    if tag in _LEFT_OUT:
        omissions.left_out[_LEFT_OUT[tag]] += 1
        return ""
    return None


def visible_text(root: LexborNode) -> str:
    """The text below a node, without that of elements that are not shown; for short inline elements and code."""
    return "".join(_visible(root))


def _visible(root: LexborNode) -> Iterator[str]:
    stack = [root]
    while stack:
        node = stack.pop()
        tag = node.tag or ""
        if tag == "-text":
            yield (node.text_content or "").replace(LINE_BREAK, "")
        elif tag == "br":
            yield "\n"
        elif node is root or not (tag.startswith(("-", "_")) or is_dropped(node, tag, in_section=True)):
            stack.extend(reversed(list(node.iter(include_text=True))))


def _shifted(node: LexborNode, tag: str, omissions: Omissions) -> str:
    text = visible_text(node)
    link = node.css_first("a[href*='#']")
    if link is None and node.parent is not None and node.parent.tag == "a" and "#" in (node.parent.attributes.get("href") or ""):
        link = node.parent
    if tag == "sup" and link is not None:
        return _mark(text, link, omissions)
    return raised(text) if tag == "sup" else lowered(text)


def _note_link(node: LexborNode, omissions: Omissions) -> str | None:
    """The mark of a footnote, or nothing for the link that leads back from one; None for other links."""
    attributes = node.attributes
    kinds = f"{attributes.get('role') or ''} {attributes.get('epub:type') or ''} {attributes.get('class') or ''}"
    if "noteref" in kinds or "footnote-ref" in kinds:
        return _mark(visible_text(node), node, omissions)
    if "#" not in (attributes.get("href") or "") or node.css_first("sup") is not None:
        return None
    text = visible_text(node)
    return "" if "backlink" in kinds or "footnote-back" in kinds or (text and _BACK.fullmatch(text)) else None


def _mark(text: str, link: LexborNode, omissions: Omissions) -> str:
    label = text.strip().strip("[]()")
    target = (link.attributes.get("href") or "").rpartition("#")[2]
    if not _PLAIN_MARK.fullmatch(label):
        return text
    omissions.marks.setdefault(target, label)
    return f"[{label}]"


def _image(node: LexborNode, omissions: Omissions) -> str:
    attributes = node.attributes
    alt = WHITE_SPACE.sub(" ", attributes.get("alt") or "").strip()
    if "alt" in attributes and not alt:
        return ""  # the page says that it is for the looks only
    if not alt or _FILE_NAME.fullmatch(alt):
        tiny = any((attributes.get(side) or "").strip() in ("0", "1", "2") for side in ("width", "height"))
        omissions.left_out["images without text"] += not tiny
        return ""
    return f" {alt} " if " " in alt and not _is_caption(node, alt) else "" if _is_caption(node, alt) else alt


def _is_caption(node: LexborNode, alt: str) -> bool:
    figure = node.parent
    for _ in range(3):  # picture and link elements may be between an image and its figure
        if figure is None or figure.tag == "figure":
            break
        figure = figure.parent
    caption = figure.css_first("figcaption") if figure is not None and figure.tag == "figure" else None
    return caption is not None and WHITE_SPACE.sub(" ", caption.text()).strip() == alt


def _drawing(node: LexborNode, omissions: Omissions) -> str:
    title = node.css_first("title")
    name = node.attributes.get("aria-label") or (title.text() if title is not None else "")
    omissions.left_out["drawings"] += node.css_first("text") is not None
    return f" {name.strip()} " if name.strip().count(" ") else ""


def _time(node: LexborNode) -> str:
    """The date that a program on the page would show if there is none, or that "yesterday" stands for."""
    text = visible_text(node)
    date = (node.attributes.get("datetime") or "").strip().replace("T", " ")
    if not date or not _NO_DATE.fullmatch(text):
        return text
    return f"{text} ({date})" if text.strip() else date


def _form_field(node: LexborNode, tag: str) -> str:
    attributes = node.attributes
    if tag == "select":
        return ", ".join(WHITE_SPACE.sub(" ", option.text()).strip() for option in node.css("option[selected]"))
    if tag == "textarea":
        return node.text().replace("\n", LINE_BREAK)
    kind = (attributes.get("type") or "text").lower()
    if kind in ("checkbox", "radio"):
        return f"{TICKED} " if "checked" in attributes else f"{UNTICKED} "
    return "" if kind in _HIDDEN_FIELDS else attributes.get("value") or ""
