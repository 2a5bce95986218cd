"""General English words: which ones say the same, which ones say the opposite, and which ones say nothing about the subject.

Only words that are used alike in any subject; technical words that replace each other usually name different things.
"""

from rag.text.terms import terms

_SAME = """
begin start commence|end finish conclude|large big|small little|doctor physician|illness disease
help assist aid|need require|often frequently|quick fast rapid|quickly fast rapidly|important significant|fix repair mend
child kid|happen occur|obtain got receive|choose select pick|method technique|main principal primary chief|near close
allow permit|keep retain|cause produce|car automobile|staff employee personnel|result outcome|part portion
about approximately roughly circa|enough sufficient|entire whole complete|entirely wholly completely fully
usually normally typically generally commonly|use utilise utilize employ|give provide supply|make create|find discover detect
tell inform notify|ask request|try attempt|build construct|change alter modify|buy purchase acquire|pay remit|cost price
allow let|stop cease halt|last endure|reach attain|send dispatch|carry transport|weaken diminish|strong powerful|quite rather
because since as|therefore thus hence|about concerning regarding
within inside|each every|various diverse|correct right|wrong incorrect|total overall|annual yearly|instruction direction
rule regulation|place location|answer reply respond|explain describe|consist comprise|contain include|lead result
improve better|prevent avoid|reduce decrease lower|increase raise rise grow|damage harm|injury trauma|kind type sort
amount quantity|speed rate|goal aim purpose|job work|house home|street road|company firm business|customer client
holiday vacation|film movie|autumn fall|person individual|people persons|examine inspect|test check|heal recover
develop evolve|appear emerge|visible apparent|separate divide|connect join link|remove eliminate|follow obey|own possess
teach instruct|understand comprehend|believe think|state say declare|suggest propose|depend rely|vary differ|risk danger
needs requires|first initially|finally eventually|after following
"""
_OPPOSITE = """
allow forbid|permit prohibit|allow prohibit|permit forbid|allow ban|increase decrease|rise fall|safe dangerous|safe harmful
require optional|mandatory optional|compulsory optional|effective ineffective|always never|present absent|enable disable
true false|include exclude|normal abnormal|improve worsen|strengthen weaken|accept reject|possible impossible|win lose
succeed fail|cheap expensive|positive negative|open closed|complete incomplete|contain lack|benefit harm|everybody nobody
everything nothing|everyone nobody|promote inhibit|activate inhibit|reduce enlarge|agree disagree|gain lose|faster slower
higher lower|longer shorter|better worse|common rare|frequent rare
"""
_LIGHT = """
many several numerous various
note please see generally usually often typically normally commonly roughly currently now today however therefore thus
moreover furthermore addition additionally according know report fact general practice still already just well indeed overall
basically essentially example instance particular particularly state say mention describe above very quite rather really
simply actually certainly clearly obviously naturally importantly notably interestingly besides meanwhile nevertheless
nonetheless even though although while because since thereby hence accordingly
"""
NEGATIONS = frozenset("not no never neither nor none cannot nobody nothing nowhere hardly scarcely barely".split())
CONTRASTS = frozenset(
    "before after until till since above below over under left right upper lower first last next previous former latter all some "
    "most few only any every both either less more than without with except other another same different during between "
    "if unless when whenever".split()
)
"""Stop words and others that change what a sentence is about: they have to be the same on both sides."""

NEGATING_PREFIXES = ("un", "in", "im", "ir", "il", "non", "dis", "ab", "a", "de")


_IRREGULAR = """
begin began begun|give gave given|make made|find found|keep kept|choose chose chosen|buy bought|send sent|build built
grow grew grown|rise rose risen|fall fell fallen|pay paid|tell told|take took taken|get got gotten|hold held|lead led|say said
show shown|write wrote|written|go went gone|see saw seen|know knew known|lose lost|win won|leave left|run ran|become became
bring brought|think thought|teach taught|understand understood|speak spoke spoken|break broke broken|drive drove driven
wear wore worn|feel felt|meet met|child|children|man men|woman women|person people|foot feet|tooth teeth
forbid forbade forbidden
"""


def _groups(lines: str) -> list[list[str]]:
    """Groups of stems."""
    groups = filter(str.strip, lines.replace("\n", "|").split("|"))
    return [[stem for word in group.split() for stem in terms(word)[:1]] for group in groups]


IRREGULAR = {form: group[0] for group in _groups(_IRREGULAR) for form in group[1:]}
"""The stem of the base form of an irregular one."""

_FIRST = {word: group[0] for group in reversed(_groups(_SAME)) for word in group[1:] if word not in CONTRASTS}
SAME_AS = {word: _FIRST.get(first, first) for word, first in _FIRST.items()}
"""The representative of a stem; words with several meanings have that of the first group."""

OPPOSITES = frozenset(frozenset(SAME_AS.get(stem, stem) for stem in group) for group in _groups(_OPPOSITE))
LIGHT = frozenset(_LIGHT.split())
"""Words of introductions and comments: "according to the report", "in general", "as noted above"."""
