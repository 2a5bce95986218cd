"""Models that consist of a BERT encoder and a pooling layer, run by our own Encoder."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rag.models.encoder import WORD_VECTORS, Encoder, in_parallel, load_tokenizer
from rag.models.onnx_graph import Precision
from rag.numeric import Vectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODULES = (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"])
POOLINGS = ({"pooling_mode_mean_tokens"}, {"pooling_mode_cls_token"})
SHORTEST = 1e-12  # no pooled state is shorter: avoids division by zero, as torch.nn.functional.normalize does


class BertModel:
    """A TextModel (see `rag.models.embedder`). `limit` is the length of the longest text in tokens, with special tokens."""

    def __init__(self, encoder: Encoder, tokenizer: "Tokenizer", *, limit: int, cls_pooling: bool = False) -> None:
        """The tokenizer adds one token at each end. Without `cls_pooling`, a text's vector is the mean of its states."""
        self._encoder, self._tokenizer, self._cls_pooling = encoder, tokenizer, cls_pooling
        self.dim = encoder.width
        self.max_tokens = limit - tokenizer.num_special_tokens_to_add(False)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(encoding) for encoding in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]

    def tokenizer_json(self) -> str:
        return str(self._tokenizer.to_str())

    def vectors(self, texts: Sequence[str]) -> Vectors:
        def vector(text: str) -> Vectors:
            states = self._states(text)
            pooled: Vectors = states[0] if self._cls_pooling else states.mean(axis=0)
            return pooled / np.float32(max(SHORTEST, float(np.linalg.norm(pooled))))

        return np.stack(in_parallel(vector, texts)) if texts else np.zeros((0, self.dim), dtype=np.float32)

    def token_vectors(self, texts: Sequence[str]) -> list[Vectors]:
        return in_parallel(lambda text: self._states(text)[1:-1], texts)

    def _states(self, text: str) -> Vectors:
        ids = self._tokenizer.encode(text).ids
        if len(ids) > self.max_tokens + 2:  # [CLS] in front and [SEP] at the end are kept
            ids = [*ids[: self.max_tokens + 1], ids[-1]]
        return self._encoder.states(ids)


def bert_model(folder: Path, precision: Precision) -> BertModel:
    """The model in a folder that passes `is_bert`."""
    from safetensors.numpy import load_file

    config = _read_json(folder / "config.json")
    limit = _read_json(folder / "sentence_bert_config.json").get("max_seq_length") or config["max_position_embeddings"]
    heads, epsilon = config["num_attention_heads"], config["layer_norm_eps"]
    encoder = Encoder(load_file(folder / "model.safetensors"), heads=heads, epsilon=epsilon, precision=precision)
    cls_pooling = _poolings(folder) == {"pooling_mode_cls_token"}
    return BertModel(encoder, load_tokenizer(folder), limit=int(limit), cls_pooling=cls_pooling)


def is_bert(folder: Path) -> bool:
    """Whether `bert_model` can load the model in a folder. Reads the configuration files, not the weights."""
    from safetensors import SafetensorError, safe_open

    try:
        config = _read_json(folder / "config.json")
        modules = [str(module["type"]).rsplit(".", 1)[-1] for module in _read_json(folder / "modules.json")]
        settings = _read_json(folder / "sentence_bert_config.json")
        with safe_open(folder / "model.safetensors", framework="np") as weights:
            standard_names = WORD_VECTORS in weights.keys()  # noqa: SIM118 - not a dict
        return (
            standard_names
            and (folder / "tokenizer.json").is_file()
            and (config["model_type"], config["hidden_act"]) == ("bert", "gelu")
            and config.get("position_embedding_type", "absolute") == "absolute"
            and not settings.get("do_lower_case")
            and modules in MODULES
            and _poolings(folder) in POOLINGS
        )
    except (OSError, ValueError, KeyError, SafetensorError):
        return False


def _poolings(folder: Path) -> set[str]:
    pooling = _read_json(folder / "1_Pooling" / "config.json")
    return {name for name, enabled in pooling.items() if name.startswith("pooling_mode") and enabled is True}


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
