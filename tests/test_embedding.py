import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rag.config import EmbeddingSettings
from rag.errors import ModelError
from rag.models.bundled import bundled_folder
from rag.models.embedder import ModelEmbedder
from rag.models.model_identity import backend_of, model_identity
from rag.models.onnx_graph import in_8_bits

pytestmark = pytest.mark.slow
TEXTS = ["A nerve was cut.", "Muscle wastes without its nerve. " * 20, "x", "It grows by 1 mm a day. " * 50]


@pytest.fixture(scope="module")
def expected() -> list[np.ndarray]:
    """Computed by transformers alone: mean of the token vectors, scaled to length 1, as the model card prescribes."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    folder = str(bundled_folder())
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    vectors = []
    for text in TEXTS:
        with torch.inference_mode():
            states = model(**tokenizer(text, truncation=True, max_length=256, return_tensors="pt")).last_hidden_state
        vectors.append(torch.nn.functional.normalize(states.mean(dim=1), dim=1)[0].numpy())
    return vectors


@pytest.mark.parametrize("backend", ["float32", "torch"])
def test_vectors_equal_those_of_plain_transformers(backend: str, expected: list[np.ndarray]) -> None:
    embedder = ModelEmbedder(EmbeddingSettings(backend=backend))
    for vector, other in zip(embedder.embed_passages(TEXTS), expected, strict=True):
        assert vector == pytest.approx(other, abs=1e-5)


def test_int8_vectors_are_close_to_float32(embedder: ModelEmbedder, expected: list[np.ndarray]) -> None:
    assert embedder.identity.backend == "int8"
    cosines = [float(vector @ other) for vector, other in zip(embedder.embed_passages(TEXTS), expected, strict=True)]
    assert min(cosines) > 0.99
    assert np.mean(cosines) < 0.99999


@given(arrays(np.float32, (3, 8), elements=st.floats(-10, 10, width=32)))
def test_quantised_weights_approximate_and_do_not_saturate(weights: np.ndarray) -> None:
    integers, scales = in_8_bits(weights)
    assert np.abs(integers * scales[:, None] - weights).max() <= scales.max() * 0.5001
    sizes = np.abs(integers.astype(int))
    assert (sizes[:, 0::2] + sizes[:, 1::2]).max() * 255 < 2**15
    for row, scale in zip(sizes, scales, strict=True):
        assert scale == 1 or (row[0::2] + row[1::2]).max() >= 126


def test_token_vectors_are_the_same_on_both_backends(embedder: ModelEmbedder) -> None:
    """One vector per token, in order, without special tokens."""
    exact, torch = (ModelEmbedder(EmbeddingSettings(backend=backend)) for backend in ("float32", "torch"))
    assert exact.query_tokens(TEXTS[0]) == pytest.approx(torch.query_tokens(TEXTS[0]), abs=1e-5)
    assert exact.query_tokens(TEXTS[0]).shape == (5, 384)


def model_with(folder: Path, file: str, **changed: object) -> EmbeddingSettings:
    shutil.copytree(bundled_folder(), folder)
    values = json.loads((folder / file).read_text())
    (folder / file).write_text(json.dumps(values | changed))
    return EmbeddingSettings(model=str(folder))


def test_model_with_cls_pooling(tmp_path: Path) -> None:
    pooling = {"pooling_mode_mean_tokens": False, "pooling_mode_cls_token": True}
    settings = model_with(tmp_path / "model", "1_Pooling/config.json", **pooling)
    ours, other = ModelEmbedder(settings), ModelEmbedder(settings.model_copy(update={"backend": "torch"}))
    assert ours.identity.backend == "float32"
    assert ours.identity.digest != other.identity.digest
    assert ours.embed_query(TEXTS[0]) == pytest.approx(other.embed_query(TEXTS[0]), abs=1e-5)
    assert ours.max_tokens == other.max_tokens == 254


def test_models_our_encoder_cannot_run_are_left_to_torch(tmp_path: Path) -> None:
    settings = model_with(tmp_path / "model", "config.json", hidden_act="relu")
    assert backend_of(settings) == "torch"
    with pytest.raises(ModelError, match="embedding.backend = 'int8' is for BERT models in a local folder, which"):
        ModelEmbedder(settings.model_copy(update={"backend": "int8"})).load()


@pytest.mark.parametrize("backend", ["int8", "float32"])
def test_vector_depends_on_its_text_alone(backend: str) -> None:
    """Embedded with others or alone, a text has the same vector to the last bit."""
    embedder = ModelEmbedder(EmbeddingSettings(backend=backend))
    texts = [*TEXTS, *(" ".join(["nerve"] * words) for words in (*range(1, 40, 3), 100, 300))]
    together, tokens = embedder.embed_passages(texts), embedder.load().token_vectors(texts)
    for text, vector, states in zip(texts, together, tokens, strict=True):
        assert embedder.embed_query(text).tobytes() == vector.tobytes()
        assert embedder.query_tokens(text).tobytes() == states.tobytes()


def test_shape_dtype_and_length(embedder: ModelEmbedder) -> None:
    vectors = embedder.embed_passages(TEXTS)
    assert vectors.shape == (len(TEXTS), 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-5)
    assert embedder.embed_passages([]).shape == (0, 384)


def test_counts_tokens_beyond_the_limit_of_the_model(embedder: ModelEmbedder) -> None:
    assert embedder.max_tokens == 254
    assert embedder.count_tokens(["nerve", "nerve " * 1000, ""]) == [1, 1000, 0]


@pytest.mark.usefixtures("altered_weights")
def test_altered_weights_are_rejected() -> None:
    with pytest.raises(ModelError, match="is not the published all-MiniLM-L6-v2.*should be 53aa5117"):
        ModelEmbedder(EmbeddingSettings()).load()
    assert model_identity(EmbeddingSettings()).name == "all-MiniLM-L6-v2"  # determined without reading them


def test_model_name_is_rejected_offline() -> None:
    with pytest.raises(ModelError, match="'intfloat/e5-small' is not a folder .* embedding.offline = false"):
        ModelEmbedder(EmbeddingSettings(model="intfloat/e5-small"))


def test_model_in_a_folder_with_prefixes(tmp_path: Path, embedder: ModelEmbedder) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_folder(), folder)
    other = ModelEmbedder(
        EmbeddingSettings(backend="int8", model=str(folder), query_prefix="query: ", passage_prefix="passage: ")
    )
    assert other.embed_query("nerve").tobytes() == embedder.embed_query("query: nerve").tobytes()
    assert other.embed_passages(["nerve"]).tobytes() == embedder.embed_passages(["passage: nerve"]).tobytes()
    assert other.max_tokens == 254 - 2
    assert other.identity.digest != embedder.identity.digest


def test_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        ModelEmbedder(EmbeddingSettings(model=str(tmp_path))).load()
