"""The text of a Word paragraph as Word shows it: changes accepted, raised figures, equations, symbols and form fields."""

from collections import Counter
from collections.abc import Iterator
from itertools import groupby

from docx.oxml.ns import qn
from lxml import etree

from rag.loading.office.equations import MATH, equation_text
from rag.loading.raised_figures import lowered, raised

FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_DELETED = {qn("w:del"), qn("w:moveFrom")}
_LEFT_OUT = {qn(f"w:{name}") for name in ("instrText", "delText", "pPr", "rPr", "sdtPr", "txbxContent", "rt")} | {FALLBACK}
_EQUATIONS = {f"{MATH}oMath", f"{MATH}oMathPara"}
_PLAIN = {qn("w:tab"): " ", qn("w:ptab"): " ", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "\u2011"}
_WHITE = {"FFFFFF", "ffffff"}
_OFF = ("0", "false", "off")
_PRIVATE = range(0xF000, 0xF100)  # where Word puts the characters of symbol fonts
# The Symbol font by character code, as far as it differs from ASCII.
_SYMBOL = dict(zip(range(0x41, 0x5B), "ΑΒΧΔΕΦΓΗΙϑΚΛΜΝΟΠΘΡΣΤΥςΩΞΨΖ", strict=True))
_SYMBOL |= dict(zip(range(0x61, 0x7B), "αβχδεφγηιϕκλμνοπθρστυϖωξψζ", strict=True))
_SYMBOL |= dict(zip(range(0xA2, 0xBC), "′≤⁄∞ƒ♣♦♥♠↔←↑→↓°±″≥×∝∂•÷≠≡≈", strict=True))
_SYMBOL |= {0x22: "∀", 0x24: "∃", 0x27: "∋", 0x2A: "∗", 0x2D: "−", 0x40: "≅", 0x5C: "∴", 0x5E: "⊥", 0x7E: "∼"}
_SYMBOL |= {0xBC: "…", 0xC5: "⊕", 0xC6: "∅", 0xC7: "∩", 0xC8: "∪", 0xCE: "∈", 0xCF: "∉", 0xD1: "∇", 0xD5: "∏", 0xD6: "√"}
_SYMBOL |= {0xD7: "⋅", 0xD8: "¬", 0xD9: "∧", 0xDA: "∨", 0xDB: "⇔", 0xDC: "⇐", 0xDE: "⇒", 0xE5: "∑", 0xF2: "∫"}
_WINGDINGS = {0xFC: "✓", 0xFB: "✗", 0xFE: "☑", 0xFD: "☒", 0xA8: "☐", 0x6F: "☐", 0xE0: "→", 0xDF: "←", 0xA7: "▪", 0x6C: "●"}
_FONTS = {"symbol": _SYMBOL, "wingdings": _WINGDINGS}


class TextOfParagraphs:
    """Extracts texts and counts what it leaves out. `raised_styles` are the character styles that raise or lower text."""

    def __init__(self, styles: etree._Element | None) -> None:
        self.left_out: Counter[str] = Counter()
        self._heights = dict(_heights(styles)) if styles is not None else {}

    def text(self, element: etree._Element) -> str:
        """The text of an element without the text boxes in it. Neighbouring runs of one height are one raised figure."""
        parts = []
        for height, segments in groupby(self._segments(element), key=lambda segment: segment[0]):
            text = "".join(text for _, text in segments)
            parts.append(raised(text) if height == "superscript" else lowered(text) if height == "subscript" else text)
        return "".join(parts)

    def _segments(self, element: etree._Element, height: str = "") -> Iterator[tuple[str, str]]:
        """Texts in order, each with its height: "superscript", "subscript" or ""."""
        for child in element:
            tag = child.tag
            if tag in _DELETED:
                self.left_out["tracked deletions left out"] += bool("".join(child.itertext(qn("w:delText"))).strip())
            elif tag in _LEFT_OUT or not isinstance(tag, str):
                continue
            elif tag == qn("w:r"):
                if is_hidden(child):
                    hidden = "".join(child.itertext(qn("w:t"))).strip()
                    self.left_out["pieces of hidden or white text left out"] += bool(hidden)
                else:
                    yield from self._segments(child, self._height(child))
            elif tag == qn("w:t"):
                yield height, _in_font(child.text or "", element)
            elif tag in _EQUATIONS:
                yield "", equation_text(child)
            elif tag == qn("w:sym"):
                yield height, self._symbol(child)
            elif tag == qn("w:ffData"):
                yield "", _form_field(child)
            elif tag in _PLAIN:
                yield height, _PLAIN[tag]
            else:
                yield from self._segments(child, height)

    def _height(self, run: etree._Element) -> str:
        properties = run.find(qn("w:rPr"))
        if properties is None:
            return ""
        own, style = properties.find(qn("w:vertAlign")), properties.find(qn("w:rStyle"))
        if own is not None:
            return str(own.get(qn("w:val")))
        return self._heights.get(style.get(qn("w:val")), "") if style is not None else ""

    def _symbol(self, element: etree._Element) -> str:
        font = (element.get(qn("w:font")) or "").lower()
        code = int(element.get(qn("w:char")) or "0", 16)
        text = _FONTS.get(font, {}).get(code - _PRIVATE.start if code in _PRIVATE else code)
        if text is None and code not in _PRIVATE and 0x20 < code < 0xD800:
            text = chr(code)
        if text is None and font == "symbol":
            text = chr(code - _PRIVATE.start)  # the rest of the font is ASCII
        self.left_out["symbols without a character left out"] += text is None
        return text or ""


def is_hidden(run: etree._Element) -> bool:
    properties = run.find(qn("w:rPr"))
    if properties is None:
        return False
    vanish, colour = properties.find(qn("w:vanish")), properties.find(qn("w:color"))
    shaded = any(properties.find(qn(f"w:{name}")) is not None for name in ("shd", "highlight"))
    in_cell = any(ancestor.tag == qn("w:tc") for ancestor in run.iterancestors())  # the table may shade it
    white = colour is not None and colour.get(qn("w:val")) in _WHITE and not shaded and not in_cell
    return white or (vanish is not None and vanish.get(qn("w:val")) not in _OFF)


def is_bold(paragraph: etree._Element) -> bool:
    runs = [run for run in paragraph.iter(qn("w:r")) if "".join(run.itertext(qn("w:t"))).strip()]
    bolds = [run.find(f"{qn('w:rPr')}/{qn('w:b')}") for run in runs]
    return bool(runs) and all(bold is not None and bold.get(qn("w:val")) not in _OFF for bold in bolds)


def _heights(styles: etree._Element) -> Iterator[tuple[str, str]]:
    for style in styles.iter(qn("w:style")):
        found = style.find(f"{qn('w:rPr')}/{qn('w:vertAlign')}")
        if found is not None and style.get(qn("w:type")) == "character":
            yield style.get(qn("w:styleId"), ""), str(found.get(qn("w:val")))


def _in_font(text: str, run: etree._Element) -> str:
    """Text with the characters of a symbol font replaced by those that they look like."""
    if not any(ord(character) in _PRIVATE for character in text):
        return text
    fonts = run.find(f"{qn('w:rPr')}/{qn('w:rFonts')}")
    table = _FONTS.get(str(fonts.get(qn("w:ascii"))).lower(), {}) if fonts is not None else {}
    return "".join(table.get(ord(c) - _PRIVATE.start, c) if ord(c) in _PRIVATE else c for c in text)


def _form_field(field: etree._Element) -> str:
    """The chosen entry of a drop-down list, or a box for a check box; the text of a text field stands in the document."""
    choices = field.find(qn("w:ddList"))
    if choices is not None:
        entries = [entry.get(qn("w:val"), "") for entry in choices.iterchildren(qn("w:listEntry"))]
        chosen = choices.find(qn("w:result"))
        index = int(chosen.get(qn("w:val"), "0")) if chosen is not None else 0
        return entries[index] if index < len(entries) else ""
    box = field.find(qn("w:checkBox"))
    if box is None:
        return ""
    states = [state for name in ("checked", "default") if (state := box.find(qn(f"w:{name}"))) is not None]
    return "☒" if states and states[0].get(qn("w:val"), "1") not in _OFF else "☐"
