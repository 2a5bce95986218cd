"""The page's own style sheets and scripts: where they are, and the address that they are served from."""

import json
from functools import lru_cache
from pathlib import Path

from rag.storage.files import sha256_bytes
from rag.translations import CATALOGUES

STATIC = Path(__file__).parent / "static"
STYLE_SHEETS = ("page.css", "ask.css", "answer.css", "source.css", "tabs.css", "review.css")


@lru_cache(maxsize=1)
def address() -> str:
    """The folder of their addresses. It changes with their content, so that browsers may keep them."""
    contents = b"\0".join(path.read_bytes() for path in sorted([*STATIC.iterdir(), *CATALOGUES.iterdir()]))
    return f"assets/page-{sha256_bytes(contents)[:12]}"


def element_of(name: str) -> str:
    """The HTML of a component. It is a constant: nothing may be inserted into it."""
    return (STATIC / f"{name}.html").read_text(encoding="utf-8")


def script_of(name: str) -> str:
    """JavaScript that gradio runs when the component is mounted: its texts are translated, and its module takes over."""
    modules = [f"{address()}/{module}.js" for module in ("texts", name) if (STATIC / f"{module}.js").is_file()]
    imports = f"Promise.all({json.dumps(modules)}.map((module) => import(new URL(module, document.baseURI))))"
    return f"{imports}.then(([texts, part]) => {{ texts.translate(element); part?.mount({{ element, server, upload }}); }});"
