"""The reading networks that come with the program: one for English, one for many languages."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rag.config import Models
from rag.models import multilingual
from rag.models.bundled import bundled_folder
from rag.models.encoder import WordVectors, load_tokenizer
from rag.models.multilingual import multilingual_tokenizer, multilingual_words
from rag.reader.token_pairs import CLS, SEP, Ends

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True, slots=True)
class Network:
    """Weights, and what goes with them. `name` is that of its calibration; without `words`, the weights hold the word vectors."""

    name: str
    weights: Path
    sha256: str
    ends: Ends
    tokenizer: Callable[[], "Tokenizer"]
    words: Callable[[], WordVectors | None] = lambda: None


ENGLISH = Network(
    name="trained",
    weights=WEIGHTS / "reader.safetensors",
    sha256="c37c0ac185072cbd5c245838ba1b7d06f5156f355da9a51ad9b372959d7a34db",
    ends=Ends(CLS, SEP),
    tokenizer=lambda: load_tokenizer(bundled_folder()),
)
MULTILINGUAL = Network(
    name="multilingual",
    weights=WEIGHTS / "multilingual.safetensors",
    sha256="c57ab9dee471cc6702e92bd838f1c2d4533f5e13d109a1855fcd149e8d4d00a4",
    ends=Ends(multilingual.CLS, multilingual.SEP),
    tokenizer=multilingual_tokenizer,
    words=multilingual_words,
)
NETWORKS: dict[Models, Network] = {"english": ENGLISH, "multilingual": MULTILINGUAL}
