"""All HTML: Jinja2 templates in the files next to this one, with everything that is inserted escaped."""

import unicodedata
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rag.translations import number, t


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("rag", "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # a misspelt name is an error, not an empty string
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"t": t, "number": number, "direction": direction}
    return environment


def direction(text: str) -> str:
    """That of the first letter, as HTML's dir="auto" decides, for elements whose texts are in elements of their own."""
    strong = next((kind for kind in map(unicodedata.bidirectional, text) if kind in ("L", "R", "AL")), "L")
    return "ltr" if strong == "L" else "rtl"


def render(template: str, /, **values: Any) -> Markup:
    """A template, such as "page/answer.html", with `values`. Raises jinja2.UndefinedError for a name that is missing.

    The result can be inserted into another template without being escaped again.
    """
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - escaped by the template
