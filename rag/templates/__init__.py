"""All HTML: Jinja2 templates in the files next to this one, with everything that is inserted escaped."""

from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("rag", "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # a misspelt name is an error, not an empty string
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, /, **values: Any) -> Markup:
    """A template, such as "page/answer.html", with `values`. Raises jinja2.UndefinedError for a name that is missing.

    The result can be inserted into another template without being escaped again.
    """
    return Markup(_environment().get_template(template).render(values))  # noqa: S704 - escaped by the template
