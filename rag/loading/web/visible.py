"""Which elements of a page its readers see as content: no navigation, side bars, banners, controls and hidden parts."""

import re

from selectolax.lexbor import LexborNode

WHITE_SPACE = re.compile(r"[ \t\n\f\r]+")
"""As HTML defines it: no-break spaces are kept."""

_DROPPED = frozenset("script style template noscript nav object embed head menu rt rp map param source track".split())
_DROPPED_ROLES = frozenset("navigation banner contentinfo search menu menubar".split())
SECTIONS = frozenset("main article section aside blockquote figure details td li dd".split())
"""Elements whose headers and footers belong to their content, unlike those of the page."""

_HIDDEN_STYLE = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.I)
_BANNER = re.compile(
    r"(?:cookie|consent|gdpr|privacy)[-_]*(?:banner|bar|popup|pop-up|notice|dialog|modal|overlay|message|wall|consent)"
    r"|onetrust|cookiebot|cc-window",
    re.I,
)
_SIDE_MATTER = re.compile(
    r"(?:^|[\s_-])(?:side-?bar|related|newsletter|subscri\w+|promo\w*|advert\w*|ads?|sponsor\w*|social|shar(?:e|ing)|toc|breadcrumbs?"
    r"|widget|recommend\w*|trending|popular|menu|nav\w*)(?:$|[\s_-])",
    re.I,
)
_NOTE = re.compile(r"note|caution|warning|tip|info|callout|admonition|example|important|danger|hint|alert|quote", re.I)
_IN_LINKS = 0.5  # an aside or a footer with more than this share of its text in links is navigation


def is_dropped(node: LexborNode, tag: str, *, in_section: bool) -> bool:
    """`in_section` is whether the element is within one of SECTIONS."""
    if tag in _DROPPED:
        return True
    attributes = node.attributes
    if not attributes:
        role = names = ""
    else:
        role = attributes.get("role") or ""
        names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}"
        if role in _DROPPED_ROLES or is_hidden(node) or _BANNER.search(names):
            return True
    if tag == "aside" or role == "complementary":
        return _is_side_matter(node, names)
    if tag == "header":
        return not in_section and node.css_first("h1") is None
    if tag == "footer":
        return not in_section or _mostly_links(node)
    if tag == "dialog" or role == "dialog":
        return "open" not in attributes
    return tag == "button" and not _is_heading(node.parent)


def is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return (
        attributes.get("aria-hidden") == "true"
        or "hidden" in attributes
        or _HIDDEN_STYLE.search(attributes.get("style") or "") is not None
    )


def _is_side_matter(node: LexborNode, names: str) -> bool:
    """A note within the text is content; a side bar of links or advertisements is not."""
    if _NOTE.search(names) and not _SIDE_MATTER.search(names):
        return False
    return bool(_SIDE_MATTER.search(names)) or node.css_first("nav") is not None or _mostly_links(node)


def _mostly_links(node: LexborNode) -> bool:
    letters = len(WHITE_SPACE.sub("", node.text()))
    linked = sum(len(WHITE_SPACE.sub("", link.text())) for link in node.css("a[href]"))
    return linked > _IN_LINKS * letters


def _is_heading(node: LexborNode | None) -> bool:
    """Whether a button is the heading of a part that folds out, as in many lists of questions."""
    return node is not None and (node.tag or "") in ("h1", "h2", "h3", "h4", "h5", "h6", "summary", "dt", "legend")
