"""Front matter: the lines between two marks at the top of a Markdown file that name its title, owner and dates."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rag.records import Span

_YAML = re.compile(r"\A---[ \t]*\n(?=[\w-]+[ \t]*:|---|\.\.\.)(?:.*?\n)??(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(?=[\w-]+[ \t]*=|\[|\+\+\+)(?:.*?\n)??\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(?P<quote>[\"']?)(?P<title>[^\n]*?)(?P=quote)[ \t]*$", re.MULTILINE)
_ENTRY = re.compile(r"^(?P<key>[\w-]+(?:[ \t][\w-]+)*)[ \t]*[:=](?=\s)[^\n]*(?:\n(?=[ \t]+\S|-[ \t])[^\n]*)*", re.MULTILINE)
_EMPTY = re.compile(r"[^:=]*[:=][\s\[\]{}\"'|>~-]*(?:null)?\s*")
# What programs that make web sites read: it says how a page is shown, nothing that it is about.
_TECHNICAL = frozenset(
    "layout slug id uid guid url permalink aliases alias redirect_from redirects weight order sort_rank sidebar_label"
    " sidebar_position sidebar nav_order nav_title nav_icon nav_exclude parent grand_parent has_children toc toc_depth draft"
    " published template theme icon image cover thumbnail cssclass cssclasses hide hide_title hide_table_of_contents"
    " pagination_next pagination_prev kernelspec jupyter output mathjax comments render custom_edit_url displayed_sidebar".split()
)


@dataclass(frozen=True)
class FrontMatter:
    """`end` is the position after it, `entries` the span of each of its entries that readers of the document care about."""

    end: int
    title: str | None
    entries: tuple[Span, ...]


def front_matter(text: str) -> FrontMatter:
    """The front matter of a text; without any, `end` is 0."""
    match = _YAML.match(text) or _TOML.match(text)
    if match is None:
        return FrontMatter(0, None, ())
    title = _TITLE.search(match.group())
    entries = dict(_entries(text, match.end()))
    # A title alone adds nothing: every passage is embedded with it.
    spans = tuple(entries.values()) if entries.keys() - {"title"} else ()
    return FrontMatter(match.end(), (title.group("title") or None) if title else None, spans)


def _entries(text: str, end: int) -> Iterator[tuple[str, Span]]:
    for match in _ENTRY.finditer(text, 0, end):
        key = match.group("key").lower().replace("-", "_")
        if key not in _TECHNICAL and not _EMPTY.fullmatch(match.group()):
            yield key, Span(match.start(), match.start() + len(match.group().rstrip()))
