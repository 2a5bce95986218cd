"""The language of a text, as its ISO 639-1 code ("de").

Scripts that only one language uses decide by themselves, and so do the commonest words of English, so that English documents
never load the identifier. All others are told apart by py3langid, which knows 139 languages and keeps its model in its wheel.
"""

import re
import unicodedata
from collections import Counter
from functools import lru_cache
from typing import Any

UNKNOWN = ""
LEAST_SHARE = 0.02  # a question may be in a language with at least this probability, so Danish counts where Norwegian is guessed
QUESTIONS_KEPT = 256  # whose languages are remembered: each is asked for several times
SAMPLES, SAMPLE = 10, 1_000  # slices of a long text, spread evenly, and characters of each: enough to outweigh a title page
LEAST_PROBABILITY = 0.5  # of 2,300 short questions in seven languages, 4 are then taken for another language and 8% for none
ENGLISH_SHARE = 0.2  # of the words of an English text are among the commonest; every page of running text has more
MOST_ACCENTED = 0.01  # share of letters outside ASCII, in a text that is decided to be English by its words
OTHER_LETTERS = 0.2  # share of letters that are not Latin, from which a question is in another script
KANA_SHARE = 0.05  # of the letters; Japanese has at least a third, Chinese has kana in names only

_ONLY_ENGLISH = frozenset(
    "the and that this these those which with from does did what when where why how who would could should there their they "
    "your".split()
)
_ALSO_ENGLISH = frozenset(
    "of to is are was were be been by for it its as at not or an have has had will can if in on do you".split()
)
_WORD = re.compile(r"[^\W\d_]+")
_LATIN_WORD = re.compile(r"[A-Za-z0-9À-ɏ]+(?:[.'’-][A-Za-z0-9À-ɏ]+)*")
# Addresses and paths are in no language. Only ASCII: in Chinese the text goes on after them without a space.
_NOISE = re.compile(r"(?<![!-~])(?:(?:https?://|www\.)[!-~]+|[!-~]+@[!-~]+|[!-~]*[/\\][!-~]*[/\\][!-~]*)")
# Scripts that one language uses, or one of those that use them by far the most. Names as in Unicode's names of letters.
_ONLY_LANGUAGE = {
    "HANGUL": "ko", "THAI": "th", "LAO": "lo", "KHMER": "km", "MYANMAR": "my", "GREEK": "el", "HEBREW": "he", "ARMENIAN": "hy",
    "GEORGIAN": "ka", "TAMIL": "ta", "TELUGU": "te", "KANNADA": "kn", "MALAYALAM": "ml", "GUJARATI": "gu", "GURMUKHI": "pa",
    "ORIYA": "or", "SINHALA": "si", "TIBETAN": "bo", "ETHIOPIC": "am", "THAANA": "dv",
}  # fmt: skip
_KANA = ("HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA")
_HAN = ("CJK", "IDEOGRAPHIC")
_NEVER = frozenset({"la"})  # English questions made of medical terms look like Latin
# Dialects and written standards that are analysed as one language.
_MEMBERS = {"ary": "ar", "arz": "ar", "wuu": "zh", "yue": "zh", "nn": "no", "nb": "no", "uzs": "uz", "sdh": "ku"}


def language_of(text: str) -> str:
    """The language that most of the text is in; "" if it is unknown, or the text is too short to tell.

    The same text always gives the same language. Guesses for a few words can be wrong: use them only where a wrong one does
    no harm.
    """
    probabilities = _probabilities(text)
    best = max(probabilities, key=lambda label: (probabilities[label], label), default=UNKNOWN)
    return best if best and probabilities[best] >= LEAST_PROBABILITY else UNKNOWN


def may_be_in(question: str, language: str) -> bool:
    """Whether a question may be in a language: False only if it is surely in another one. Always True for an unknown language."""
    probabilities = _kept_probabilities(question)
    return (
        not language
        or max(probabilities.values(), default=0.0) < LEAST_PROBABILITY
        or probabilities.get(language, 0.0) >= LEAST_SHARE
    )


def spelled_alike(question: str) -> str:
    """The words of a question that other languages spell alike: numbers and codes, names in Latin letters."""
    words = _LATIN_WORD.findall(question)
    latin, letters = (sum(map(str.isalpha, text)) for text in ("".join(words), question))
    foreign = letters - latin > OTHER_LETTERS * letters  # in another script: then all of them are names
    chosen = [word for number, word in enumerate(words) if foreign or not word.isalpha() or (number > 0 and word[0].isupper())]
    return " ".join(chosen)


def _probabilities(text: str) -> dict[str, float]:
    """How likely the text is in each language; empty for a text without letters."""
    sample = _NOISE.sub(" ", _sample(text))
    letters = [character for character in sample if character.isalpha()]
    if not letters:
        return {}
    by_script = _language_of_script(letters)
    if by_script is not None:
        return {by_script: 1.0}
    return {"en": 1.0} if _is_english(sample, letters) else _identified(sample)


_kept_probabilities = lru_cache(maxsize=QUESTIONS_KEPT)(_probabilities)


def _sample(text: str) -> str:
    if len(text) <= SAMPLES * SAMPLE:
        return text
    step = (len(text) - SAMPLE) // (SAMPLES - 1)
    return "\n".join(text[start : start + SAMPLE] for start in range(0, step * SAMPLES, step))


def _language_of_script(letters: list[str]) -> str | None:
    """None if more than one language uses the script of most letters."""
    scripts: Counter[str] = Counter()
    for letter, count in Counter(letters).items():
        scripts[unicodedata.name(letter, "").split(" ")[0]] += count
    kana, han = (sum(scripts[name] for name in names) for names in (_KANA, _HAN))
    # A Han character says as much as a short word, so a Chinese text with many foreign names has fewer of these letters.
    if 2 * (kana + han) > len(letters) - kana - han:
        return "ja" if kana > KANA_SHARE * (kana + han) else "zh"
    script, count = max(scripts.items(), key=lambda item: (item[1], item[0]))
    return _ONLY_LANGUAGE.get(script) if 2 * count > len(letters) else None


def _is_english(sample: str, letters: list[str]) -> bool:
    """Whether two of its words, one of them found in English only, and enough of all words are among the commonest of English."""
    words = _WORD.findall(sample.lower())
    only, also = (sum(word in common for word in words) for common in (_ONLY_ENGLISH, _ALSO_ENGLISH))
    accented = sum(not letter.isascii() for letter in letters)
    return only > 0 and only + also >= max(2, ENGLISH_SHARE * len(words)) and accented <= MOST_ACCENTED * len(letters)


def _identified(text: str) -> dict[str, float]:
    """The probability of each language with an ISO 639-1 code."""
    probabilities: Counter[str] = Counter()
    for label, probability in _identifier().rank(text):
        probabilities[_MEMBERS.get(label, label)] += probability
    return {label: probability for label, probability in probabilities.items() if len(label) == 2 and label not in _NEVER}


@lru_cache(maxsize=1)
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier  # half a second and 100 MB, so only on use

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
