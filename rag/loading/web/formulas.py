"""Formulas in MathML as one line of text: x² + 1, a/b, √(2)."""

from selectolax.lexbor import LexborNode

from rag.loading.raised_figures import lowered, raised

_DEEPEST = 60  # elements within elements; deeper formulas are read without their structure
_DROPPED = ("annotation", "annotation-xml")


def formula(node: LexborNode, depth: int = 0) -> str:
    """The text of a formula. Exponents are raised, fractions have a slash and roots a sign."""
    tag = node.tag or ""
    if tag == "-text":
        return (node.text_content or "").strip()
    if tag in _DROPPED or tag.startswith(("-", "_")):
        return ""
    if depth > _DEEPEST:
        return node.text().strip()
    parts = [formula(child, depth + 1) for child in node.iter(include_text=True)]
    parts = [part for part in parts if part]
    return _joined(tag, parts)


def _joined(tag: str, parts: list[str]) -> str:
    if tag == "msup" and len(parts) == 2:
        return parts[0] + raised(parts[1])
    if tag == "msub" and len(parts) == 2:
        return parts[0] + lowered(parts[1])
    if tag == "msubsup" and len(parts) == 3:
        return parts[0] + lowered(parts[1]) + raised(parts[2])
    if tag == "mfrac" and len(parts) == 2:
        return "/".join(part if part.isalnum() else f"({part})" for part in parts)
    if tag == "msqrt":
        return f"√({''.join(parts)})"
    if tag == "mroot" and len(parts) == 2:
        return f"{raised(parts[1])}√({parts[0]})"
    if tag == "mo":
        sign = "".join(parts)
        return f" {sign} " if sign in ("=", "+", "−", "-", "<", ">", "≤", "≥", "≈", "≠", "±", "→") else sign
    if tag == "mtr":
        return ", ".join(parts)
    return ("; " if tag == "mtable" else "").join(parts)
