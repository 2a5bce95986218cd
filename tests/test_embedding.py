import shutil
from pathlib import Path

import numpy as np
import pytest

from rag import carried
from rag.carried import carried_folder
from rag.config import EmbeddingSettings
from rag.embedding import SentenceTransformerEmbedder
from rag.errors import ModelError

pytestmark = pytest.mark.slow
TEXTS = ["A nerve was cut.", "Muscle wastes without its nerve. " * 20, "x"]


def test_vectors_equal_those_of_transformers_alone(embedder: SentenceTransformerEmbedder) -> None:
    """Mean of the token vectors, scaled to length 1, as the model card says."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(carried_folder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    for text in TEXTS:
        with torch.inference_mode():
            states = model(**tokenizer(text, truncation=True, max_length=256, return_tensors="pt")).last_hidden_state
        expected = torch.nn.functional.normalize(states.mean(dim=1), dim=1)[0].numpy()
        assert embedder.embed_query(text) == pytest.approx(expected, abs=1e-5)


def test_a_vector_depends_on_its_text_alone(embedder: SentenceTransformerEmbedder) -> None:
    together = embedder.embed_passages(TEXTS)
    for text, vector in zip(TEXTS, together, strict=True):
        assert embedder.embed_passages([text])[0].tobytes() == vector.tobytes()


def test_shape_type_and_length(embedder: SentenceTransformerEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.embed_passages([]).shape == (0, 384)


def test_counts_tokens_beyond_what_the_model_reads(embedder: SentenceTransformerEmbedder) -> None:
    assert embedder.max_tokens == 254
    assert embedder.count_tokens(["nerve", "nerve " * 1000, ""]) == [1, 1000, 0]


def test_altered_weights_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    package = tmp_path / "carrier" / "model"
    package.mkdir(parents=True)
    (tmp_path / "carrier" / "__init__.py").write_text("")
    (package / "model.safetensors").write_bytes(b"something else")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(carried, "CARRIED_PACKAGE", "carrier")
    with pytest.raises(ModelError, match="is not the published all-MiniLM-L6-v2.*should be 53aa5117"):
        SentenceTransformerEmbedder(EmbeddingSettings())


def test_a_name_that_is_not_on_disk_is_refused_offline() -> None:
    with pytest.raises(ModelError, match="'intfloat/e5-small' is no folder .* embedding.offline = false"):
        SentenceTransformerEmbedder(EmbeddingSettings(model="intfloat/e5-small"))


def test_another_model_by_its_folder_and_with_prefixes(tmp_path: Path, embedder: SentenceTransformerEmbedder) -> None:
    folder = tmp_path / "model"
    shutil.copytree(carried_folder(), folder)
    other = SentenceTransformerEmbedder(EmbeddingSettings(model=str(folder), query_prefix="query: ", passage_prefix="passage: "))
    assert other.embed_query("nerve").tobytes() == embedder.embed_query("query: nerve").tobytes()
    assert other.embed_passages(["nerve"]).tobytes() == embedder.embed_passages(["passage: nerve"]).tobytes()
    assert other.max_tokens == 254 - 2
    assert other.identity.digest != embedder.identity.digest


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        SentenceTransformerEmbedder(EmbeddingSettings(model=str(tmp_path))).load()
