"""Abbreviations that do not end a sentence, by language."""

import re
from dataclasses import dataclass
from functools import cache

# Those that are always followed by more of the sentence. Those that may also end one ("etc.", "usw.", "и т. д.") are not listed:
# the next word's capital decides about them.
_LEADS_ON = {
    "de": "z.B d.h i.d.R i.d.F i.V.m i.S.d z.Zt z.Hd Mio Mrd Tsd v.a u.U m.E o.g u.a z.T s.o s.u bspw bzw vgl inkl exkl zzgl "
    "abzgl einschl ausschl evtl ggf insb sog ca lt gem max mind jew allg bes Dr Prof Hr Fr Dipl Ing St",
    "fr": "prof ing gén col M MM Mme Mmes Mlle Mlles Dr Drs Pr Prs Me St Ste p.ex c.-à-d c.à.d cf env av apr éd dir réf spéc "
    "notamm max min",
    "es": "prof ing lic Sr Sra Sres Sras Srta Dr Dra Dres D Dña Prof Profa Ud Uds Vd Vds Lic Ing Arq Sto Sta Excmo Ilmo p.ej "
    "aprox máx mín cf cfr esp Avda EE",
    "it": "sec sen p.zza dep gen col sig sigg sig.ra sig.na dott dott.ssa dr prof prof.ssa avv ing arch rag on p.es es ad.es "
    "cfr ca circa max min spett gent S",
    "pt": "Sr Sra Srs Dr Dra Drs Prof Profa Eng Exmo p.ex aprox máx mín cf Av",
    "nl": "dhr mevr mw dr prof drs ir ing mr bijv bv d.w.z m.b.t o.a t.o.v i.v.m ca max min evt incl excl",
    "ru": "т.е т.к т.н т.о им ул пл пер просп пр-т см ср напр проф акад доц канд докт св гр обл р-н пос дер ст прим ред сост "
    "илл приблиз макс мин",
    "uk": "т.зв ім вул пл пров просп буд кв корп стор рис табл див пор напр проф акад доц св гр обл р-н смт",
    "tr": "Dr Prof Doç Yrd Av Sn Bkz bkz Örn örn Hz St Öğr Gör Alb Gen Ord Uzm Mah Cad Sok Apt M.Ö M.S yak maks min",
    "pl": "np ul pl al św tzw m.in ok im prof dr hab inż mgr ks gen red",
    "cs": "např tzv tj ul sv prof doc dr ing mgr mj popř resp",
    "ro": "dl dna prof dr ing ex cca str bd",
    "sv": "t.ex bl.a d.v.s s.k ca dr prof f.d",
    "da": "f.eks bl.a d.v.s ca dr prof s.k",
    "no": "f.eks bl.a d.v.s ca dr prof s.k",
    "ar": "د أ م ص ج ط ت هـ أ.د ا.د",
    "he": "ד״ר פרופ עמ ר גב",
    "hi": "डॉ प्रो श्री सुश्री कु पं रु कि.मी मि.मी पृ सं ई ई.पू",
}
_EVERYWHERE = "Dr Mr Mrs Ms Prof St"  # foreign names keep their titles
# Those that are followed by a number, or else end the sentence.
_LEADS_TO_NUMBER = {
    "de": "geb gest Zi Hs Whg Nr Nrn Abs Art Kap Abb Tab Bd Ziff Anm Tel Str S Aufl Jg Pos Rn Rz Az Jan Feb Mrz Mär Apr Jun "
    "Jul Aug Sep Sept Okt Nov Dez",
    "fr": "fig figs p pp art chap vol t n no nos tab tél al janv févr avr juil sept oct nov déc",
    "es": "fig figs p pp pág págs art arts cap caps vol núm núms n n.º tab tel ene feb mar abr jun jul ago sep sept oct nov dic",
    "it": "fig figg p pp pag pagg art artt cap capp vol n nn nr tab tel gen feb mar apr mag giu lug ago set sett ott nov dic",
    "pt": "fig figs p pp pág págs art arts cap vol n núm tab tel jan fev mar abr jun jul ago set out nov dez",
    "nl": "nr nrs art fig afb blz p pp hfst vol tel jan feb mrt apr jun jul aug sep sept okt nov dec",
    "ru": "г гг в вв с п пп ч т тт д кв корп стр рис табл гл тел янв февр март апр июн июл авг сент окт нояб дек № N",
    "uk": "р рр с п пп ч т тел січ лют бер квіт трав черв лип серп верес жовт листоп груд",
    "pl": "godz nr str rys tab ust art poz tel r w",
    "cs": "č str obr tab čl tel r",
    "tr": "s ss No no md fık böl şek tab tel Oca Şub Mar Nis May Haz Tem Ağu Eyl Eki Kas Ara",
}
# Those of several parts that may end a sentence, but not between their parts.
_OF_PARTS = {
    "de": "u.a u.v.m u.v.a u.ä o.ä n.Chr v.Chr i.A a.D e.V s.o s.u",
    "fr": "av.J apr.J s.v.p",
    "es": "EE.UU a.C d.C a.m p.m S.A JJ.OO",
    "it": "a.C d.C S.p.A S.r.l",
    "pt": "a.C d.C S.A",
    "nl": "v.Chr n.Chr e.d e.a",
    "ru": "т.д т.п н.э",
    "uk": "т.д т.п н.е",
    "tr": "T.C A.Ş",
}
_BEFORE = r"(?:^|(?<=[\s(\[„“\"«»'’/]))"


@dataclass(frozen=True)
class _Patterns:
    """`leads_on` and `leads_to_number` match at the end of a text, `whole` anywhere; there may be spaces within one."""

    leads_on: re.Pattern[str] | None
    leads_to_number: re.Pattern[str] | None
    whole: re.Pattern[str] | None


@cache
def _patterns(language: str) -> _Patterns:
    leads_on, to_number, of_parts = (table.get(language, "").split() for table in (_LEADS_ON, _LEADS_TO_NUMBER, _OF_PARTS))
    leads_on += [*_EVERYWHERE.split(), *(word[:1].upper() + word[1:] for word in leads_on)]
    several = [word for word in (*leads_on, *of_parts) if "." in word]
    return _Patterns(_pattern(leads_on, r"\s*$"), _pattern(to_number, r"\s*$"), _pattern(several, ""))


def _pattern(words: list[str], end: str) -> re.Pattern[str] | None:
    longest_first = sorted(words, key=lambda word: (-len(word), word))
    either = "|".join(re.escape(word).replace(r"\.", r"\.\s?") for word in longest_first)
    return re.compile(rf"{_BEFORE}(?:{either})\.{end}") if words else None


def is_abbreviated(before: str, after: str, language: str) -> bool:
    """Whether `before` ends with an abbreviation, or with a part of one, that `after`, the next words, continue."""
    patterns = _patterns(language)
    if patterns.leads_on and patterns.leads_on.search(before):
        return True
    if patterns.whole and any(match.start() < len(before) < match.end() for match in patterns.whole.finditer(before + after)):
        return True
    return after.lstrip()[:1].isdigit() and patterns.leads_to_number is not None and bool(patterns.leads_to_number.search(before))
