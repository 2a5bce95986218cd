"""Whether a question is in English, judged by its function words and script, so that a name or a term makes no difference."""

import re
import unicodedata

LAST_LATIN = 0x24F  # the end of Unicode's Latin Extended-B
SHORT_QUESTION = 3  # words; fewer may be a name, such as "El Niño"
FEWEST_FOREIGN = 2  # function words; a single one may be a name or a quotation
FOREIGN_SCRIPT = 0.3  # share of letters that are not Latin, in a question without English function words
_WORD = re.compile(r"[^\W\d_]+")
_NOT_ENGLISH = re.compile(r"[ßäöüñçœ¿¡àâêîôûëïìòù]", re.IGNORECASE)  # with one function word, enough for a short question
# Function words by language: enough to recognise a question. Some are English words too, so those are counted against them.
_LISTED_WORDS = {
    "German": """der die das den dem des ein eine einen einem einer ist sind war und oder nicht kein keine wie wann warum wer wo
        was wem wen wessen wieviel viel viele welche welcher welches welchem welchen für mit von zu bei nach aus über unter durch
        vor wird werden wurde wurden kann können muss müssen darf dürfen soll hat habe haben gibt gab bis ich sie wir man mein
        meine sein seine seinem ihr ihre auf im in zum zur beim auch nur noch bedeutet""",
    "French": """le la les une des de du ai est sont était et ou pas comment quand pourquoi qui où que quel quelle quels quelles
        pour avec dans sur par sans peut peux faut je vous nous on il elle ils ce cette ces aux au quoi combien qu mon ma mes son
        sa ses leur ont dois doit en plus si""",
    "Spanish": """el la los las una uno un unos es son era fue está están y o cómo cuándo por qué quién quiénes dónde cuál cuáles
        para con sin en sobre puede puedo hay tiene tengo debo se su sus mi yo usted nosotros del de al como cuando cuanto cuánto
        cuántos cuántas desde hasta""",
    "Italian": """il lo la gli una un è sono era e o non come quando perché chi dove che quale quali quanto quanti per con nel
        nella si può io della dei del delle di""",
    "Portuguese": """os de uma um é são está não como quando por que quem onde qual quais quantos quanto para com em pode posso eu
        você do da dos das no na ao""",
    "Dutch": """het een is zijn was en of niet hoe wanneer waarom wie waar wat welke hoeveel voor met van bij naar wordt worden
        kan ik wij op de""",
}
_FUNCTION_WORDS = {name: frozenset(listed.split()) for name, listed in _LISTED_WORDS.items()}
_ENGLISH = frozenset(
    """the of and to is are was were be been do does did can could how what when where which who why for with from after before by
    not have has had will would should this that these those it its there a an or on at as my i you me in if no so am we us they
    does doesn isn don about into than then""".split()
)


def foreign_language(query: str) -> str | None:
    """The language of a question, or its script if that is not Latin; None if the question may be English."""
    words = [word.casefold() for word in _WORD.findall(query)]
    english = sum(word in _ENGLISH for word in words)
    letters = [character for character in query if character.isalpha()]
    scripts = [unicodedata.name(letter, "").split(" ")[0].title() for letter in letters if ord(letter) > LAST_LATIN]
    if len(scripts) * 2 > len(letters) > 0 or (not english and len(scripts) > FOREIGN_SCRIPT * len(letters)):
        return max(sorted(set(scripts)), key=scripts.count)
    counts = {name: sum(word in listed for word in words) for name, listed in _FUNCTION_WORDS.items()}
    best = max(counts, key=lambda name: (counts[name], name))
    needed = 1 if len(words) >= SHORT_QUESTION and _NOT_ENGLISH.search(query) and not english else FEWEST_FOREIGN
    return best if counts[best] >= needed and counts[best] > english else None
