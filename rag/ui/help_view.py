"""Facts about the program to HTML."""

from collections.abc import Mapping
from html import escape


def facts_html(facts: Mapping[str, str]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in facts.items())
    return f'<dl class="known">{rows}</dl>'
