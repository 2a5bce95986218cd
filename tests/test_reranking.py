from pathlib import Path

import pytest

from rag.config import RetrievalSettings, Settings
from rag.conversation import Chat
from rag.errors import ModelError
from rag.models.reranker import CrossEncoderReranker
from rag.records import Hit, Passage, Span
from tests.conftest import SIMILARITY, WordEmbedder, updated

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small cross-encoder with random weights (seeded), saved and loaded like a real one."""
    import torch
    from sentence_transformers import CrossEncoder
    from transformers import BertConfig, BertForSequenceClassification, BertTokenizerFast

    folder = tmp_path_factory.mktemp("cross")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"fern moss reed water soil sun cat two years".split()]
    (folder / "vocab.txt").write_text("\n".join(words))
    torch.manual_seed(7)
    sizes: dict[str, float] = {
        "hidden_size": 16,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "num_labels": 1,
    }
    sizes["initializer_range"] = 1.0  # with the default, all pairs score alike
    BertForSequenceClassification(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder / "bert")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt")).save_pretrained(folder / "bert")
    CrossEncoder(str(folder / "bert"), device="cpu").save_pretrained(str(folder / "saved"))
    return folder / "saved"


def hit(text: str, rank: int) -> Hit:
    return Hit(Passage(f"{text[:4]}.txt", Span(0, len(text)), text), score=1 / rank, rank=rank)


HITS = [hit(text, rank) for rank, text in enumerate(["fern", "moss soil", "reed sun sun", "cat", "two years"], start=1)]


def test_best_hits_are_reordered_by_the_scores_of_the_model(model: Path) -> None:
    from sentence_transformers import CrossEncoder

    reranked = CrossEncoderReranker(str(model)).rerank("fern sun", HITS, depth=3)
    scores = CrossEncoder(str(model), device="cpu").predict([("fern sun", hit.passage.text) for hit in HITS[:3]])
    expected = [HITS[:3][i].passage.text for i in sorted(range(3), key=lambda i: -scores[i])]
    assert [hit.passage.text for hit in reranked] == [*expected, "cat", "two years"]
    assert [hit.rank for hit in reranked] == [1, 2, 3, 4, 5]
    assert [hit.score for hit in reranked] == sorted((hit.score for hit in reranked), reverse=True)
    assert len({round(float(score), 6) for score in scores}) == 3
    assert CrossEncoderReranker(str(model)).rerank("fern", [], depth=3) == []


def test_setting_switches_it_on(model: Path, corpus: Path, tmp_path: Path) -> None:
    updated(corpus, tmp_path / "index")
    plain = Settings(corpus=corpus, index=tmp_path / "index", answering=SIMILARITY)
    reranking = plain.model_copy(update={"retrieval": RetrievalSettings(reranker=str(model), rerank_depth=3)})
    first, second = (Chat(settings, WordEmbedder()).search("repot a fern", k=5) for settings in (plain, reranking))
    assert {hit.passage.id for hit in first[:3]} == {hit.passage.id for hit in second[:3]}
    assert [hit.score for hit in first] != [hit.score for hit in second]
    assert len(Chat(reranking, WordEmbedder()).search("repot a fern", k=1)) == 1


def test_missing_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="is not a folder"):
        CrossEncoderReranker(str(tmp_path / "nothing"))
    with pytest.raises(ModelError, match="cannot be loaded"):
        CrossEncoderReranker(str(tmp_path)).rerank("fern", HITS, depth=1)
