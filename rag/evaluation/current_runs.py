"""Whether a saved run still describes the present answers, so that a calibration may be learned from it."""

from collections.abc import Mapping

from rag.answering.guarantees import answering_digest
from rag.conversation import Chat
from rag.errors import QuestionSetError
from rag.evaluation.runs import Outcome, Run
from rag.index.manifest import model_values
from rag.storage.files import sha256_json


def check_current(run: Run, set_digest: str, chat: Chat) -> None:
    """`set_digest` is that of the question set now. Raises QuestionSetError if anything has changed since the run."""
    signature, index = run.signature, chat.index()
    answering = {name: value for name, value in dict(signature.get("answering", {})).items() if name != "min_confidence"}
    model = model_values(index.manifest.contents.model, index.manifest.contents.dim)
    current = {
        "the documents": signature.get("index") == index.digest,
        "the embedding model": sha256_json(signature.get("model")) == sha256_json(model),
        "the reader": signature.get("reader") == chat.reader.identity,
        "the settings": sha256_json({"retrieval": signature.get("retrieval"), "answering": answering})
        == answering_digest(chat.settings),
        "the question set": signature.get("dataset_digest") == set_digest,
    }
    changed = [what for what, same in current.items() if not same]
    if changed:
        raise QuestionSetError(f"since the run {run.name}, {' and '.join(changed)} changed; evaluate the set again")
    if signature.get("given"):
        raise QuestionSetError(f"the run {run.name} asked only the documents that answer; evaluate the set without --given")


def check_asked_of(outcomes: Mapping[str, Outcome], index: str) -> None:
    """Raises QuestionSetError if an answer is from another build than `index`: a new one became live during the evaluation."""
    if {outcome.answer.index for outcome in outcomes.values()} - {index, ""}:  # "" if only retrieval was measured
        raise QuestionSetError("the documents changed after questions were asked; evaluate the set again")
