"""What people have added to a page of a PDF: the values of its form fields, and comments."""

import ctypes
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pypdfium2.raw as pdfium

_HIDDEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13  # of the PDF specification: the flag of a text field for passwords
_CHECKED_VALUES = frozenset(("on", "yes", "true", "1"))  # export values that say no more than that the box is checked
_WITHOUT_COMMENT = (pdfium.FPDF_ANNOT_LINK, pdfium.FPDF_ANNOT_POPUP, pdfium.FPDF_ANNOT_WIDGET)


@dataclass(frozen=True, slots=True)
class Addition:
    """A filled form field ("Name: value") or a comment; `number` is that of its annotation on the page, from 0."""

    text: str
    number: int


@dataclass(frozen=True, slots=True)
class Additions:
    """All additions of a page, in the file's order. `hidden` counts those with text that the page does not show."""

    shown: tuple[Addition, ...] = ()
    hidden: int = 0


def additions_of(page: Any, form: Any | None) -> Additions:
    """`form` is the document's form environment, None if it has no form."""
    shown: list[Addition] = []
    hidden = 0
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        with _annotation(page, number) as annotation:
            text = _text(annotation, form) if annotation else ""
            if not text:
                continue
            if pdfium.FPDFAnnot_GetFlags(annotation) & _HIDDEN:
                hidden += 1
            elif all(text != other.text for other in shown):  # a field may be shown several times
                shown.append(Addition(text, number))
    return Additions(tuple(shown), hidden)


def box_of(page: Any, number: int) -> tuple[float, float, float, float]:
    """Left, bottom, right and top of an annotation in points."""
    with _annotation(page, number) as annotation:
        rectangle = pdfium.FS_RECTF()
        pdfium.FPDFAnnot_GetRect(annotation, rectangle)
        return rectangle.left, rectangle.bottom, rectangle.right, rectangle.top


@contextmanager
def _annotation(page: Any, number: int) -> Iterator[Any]:
    annotation = pdfium.FPDFPage_GetAnnot(page, number)
    try:
        yield annotation
    finally:
        if annotation:
            pdfium.FPDFPage_CloseAnnot(annotation)


def _text(annotation: Any, form: Any | None) -> str:
    kind = pdfium.FPDFAnnot_GetSubtype(annotation)
    if kind == pdfium.FPDF_ANNOT_WIDGET:
        return _field(annotation, form) if form else ""
    if kind in _WITHOUT_COMMENT:
        return ""
    contents = _stated(annotation, b"Contents")
    if not contents or kind == pdfium.FPDF_ANNOT_FREETEXT:  # a text box, which looks like text of the page
        return contents
    author = _stated(annotation, b"T")
    return f"Comment by {author}: {contents}" if author else f"Comment: {contents}"


def _field(annotation: Any, form: Any) -> str:
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (pdfium.FPDF_FORMFIELD_PUSHBUTTON, pdfium.FPDF_FORMFIELD_SIGNATURE):
        return ""
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD and pdfium.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, annotation):
            return ""
        value = _wide(pdfium.FPDFAnnot_GetFormFieldExportValue, form, annotation)
        value = "Yes" if value.casefold() in _CHECKED_VALUES else value
    else:
        value = _wide(pdfium.FPDFAnnot_GetFormFieldValue, form, annotation)
    label = _wide(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, annotation)
    name = label or _readable(_wide(pdfium.FPDFAnnot_GetFormFieldName, form, annotation))
    return f"{name.rstrip(' :')}: {value}" if name and value else value


def _readable(name: str) -> str:
    """The last part of a field's full name: "form[0].page[0].first_name[0]" -> "first name"."""
    return " ".join(name.rsplit(".", 1)[-1].split("[", 1)[0].replace("_", " ").split())


def _stated(annotation: Any, key: bytes) -> str:
    return _wide(pdfium.FPDFAnnot_GetStringValue, annotation, key)


def _wide(function: Callable[..., int], *arguments: Any) -> str:
    """The string that a function of PDFium writes into a buffer as UTF-16, on one line."""
    size = function(*arguments, None, 0)
    buffer = (ctypes.c_ushort * (size // 2 + 1))()
    function(*arguments, buffer, size)
    return " ".join(bytes(buffer).decode("utf-16-le", "replace").replace("\0", "").split())
