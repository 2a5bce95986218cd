"""The guarantee about strong answers: its record, whether it still holds, and the line that tells users of it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from rag.config import Settings
from rag.records import Answer
from rag.storage.files import sha256_json

UNCHECKED = "the documents have changed since the guarantee was measured; run `rag calibrate --check`"


@dataclass(frozen=True, slots=True)
class Guarantee:
    """Of the strong answers, at most the share `at_most` is wrong, with probability `certainty` over the choice of questions.

    `questions` were judged; `strong` of them got a strong answer, of which `wrong` were wrong. `index` is the digest of the
    build that it was measured on, or last checked on; `settings` is that of the settings that change answers. `drift` says
    what has changed if a check found that it no longer holds, and is empty otherwise.
    """

    at_most: float
    certainty: float
    questions: int
    strong: int
    wrong: int
    index: str
    settings: str
    drift: str = ""

    @property
    def line(self) -> str:
        most, certain = f"{100 * self.at_most:.4g}%", f"{100 * self.certainty:.4g}%"
        return f"at most {most} of strong answers are wrong ({certain} certain, {self.questions} judged questions)"

    def trouble(self, settings: Settings, index: str) -> str:
        """Why it does not hold for answers by these settings from this build, and what to do; empty if it holds."""
        if self.drift:
            return f"the guarantee no longer holds: {self.drift}; judge questions anew and run `rag calibrate SET --at-most …`"
        if self.settings != answering_digest(settings):
            return "the guarantee was measured with other settings; run `rag calibrate SET --at-most …` again"
        if self.index != index:
            return UNCHECKED
        return ""


def guarantee_from(values: Mapping[str, Any] | None) -> Guarantee | None:
    """Raises KeyError, TypeError or ValueError unless the values are those of a guarantee."""
    if values is None:
        return None
    return Guarantee(
        at_most=float(values["at_most"]),
        certainty=float(values["certainty"]),
        questions=int(values["questions"]),
        strong=int(values["strong"]),
        wrong=int(values["wrong"]),
        index=str(values["index"]),
        settings=str(values["settings"]),
        drift=str(values["drift"]),
    )


def answering_digest(settings: Settings) -> str:
    """Equal for settings that give the same answers and strengths. The threshold below which to abstain is not among them."""
    answering = settings.answering.model_dump(exclude={"min_confidence"})
    return sha256_json({"retrieval": settings.retrieval.model_dump(), "answering": answering})


def with_guarantee(answer: Answer, guarantee: Guarantee | None, settings: Settings) -> Answer:
    """The answer with the line about strong answers, if it is one and the guarantee holds for it."""
    if guarantee is None or answer.strength != "strong" or guarantee.trouble(settings, answer.index):
        return answer
    return replace(answer, guarantee=guarantee.line)
