"""Superscripts and subscripts as characters of their own, so that a raised figure never reads as part of a number."""

import re

_SUPERSCRIPTS = str.maketrans(
    "0123456789+-−=()abcdefghijklmnoprstuvwxyzABDEGHIJKLMNOPRTUVWαβγδθ",
    "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᴬᴮᴰᴱᴳᴴᴵᴶᴷᴸᴹᴺᴼᴾᴿᵀᵁⱽᵂᵅᵝᵞᵟᶿ",
)
_SUBSCRIPTS = str.maketrans("0123456789+-−=()aehijklmnoprstuvxβγρφχ", "₀₁₂₃₄₅₆₇₈₉₊₋₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓᵦᵧᵨᵩᵪ")
_ORDINAL_OR_MARK = re.compile(r"(?:st|nd|rd|th|er|re|ère|ème|os|as|TM|SM)\.?", re.IGNORECASE)  # raised for the looks only
_WORD, _LONG_WORD = re.compile(r"[^\W\d_]{2,}"), re.compile(r"[^\W\d_]{3,}")
_REFERENCE = re.compile(r"\[.*\]")
_SPACED_SIGN = re.compile(r"\s+([-–−+=])\s+")
_DASH_AS_MINUS = re.compile(r"(?<!\d)–")
_FIGURE_WITH_POINT = re.compile(r"\d\s*[./·×]\s*\d")  # these signs have no superscript form


def raised(text: str) -> str:
    """Text that stands above the line: "3" -> "³", "-1" -> "⁻¹", "1.5" -> "^(1.5)".

    Ordinals ("st"), longer words, symbols and references in brackets stay as they are: at any height they say the same.
    """
    content = text.strip()
    plain = any(pattern.fullmatch(content) for pattern in (_ORDINAL_OR_MARK, _REFERENCE, _LONG_WORD))
    return text if plain else _shifted(text, content, _SUPERSCRIPTS, "^")


def lowered(text: str) -> str:
    """Text that stands below the line: "2" -> "₂", "1.5" -> "_(1.5)"; words ("max") stay as they are."""
    content = text.strip()
    return text if _WORD.fullmatch(content) else _shifted(text, content, _SUBSCRIPTS, "_")


def _formula(text: str) -> str:
    """Without spaces around signs; a dash that is no range of numbers is a minus: "n – 1" -> "n−1"."""
    return _DASH_AS_MINUS.sub("−", _SPACED_SIGN.sub(lambda match: match[1].replace("–", "−"), text))


def _shifted(text: str, content: str, table: dict[int, int], mark: str) -> str:
    shifted = _formula(content).translate(table)
    forms = set(table.values())
    missing = any(c.isalnum() and ord(c) not in table and ord(c) not in forms for c in content)
    if missing or _FIGURE_WITH_POINT.search(content):
        shifted = f"{mark}{content}" if len(content) == 1 else f"{mark}({content})"
    return text.replace(content, shifted) if content else text
