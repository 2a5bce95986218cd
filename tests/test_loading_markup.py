"""XML, LaTeX, Org and AsciiDoc: structure, labels, raised figures, footnotes, and what is left out."""

import os
import stat
from pathlib import Path

import pytest

from rag.errors import UnreadableFile
from rag.loading.loader import load_document
from rag.records import Document
from tests.sample_files import SAMPLES


def blocks(document: Document) -> list[str]:
    """Each block as `kind level text`, without a level of 0."""
    return [f"{block.kind}{block.level or ''} {block.span.of(document.text)}" for block in document.blocks]


def test_data_in_xml_is_read_with_the_names_of_all_parents() -> None:
    data = (
        b'<?xml version="1.0"?><config env="live"><search><port>9200</port><limits cpu="2"/></search>'
        b"<user><name>Ann</name><role>chef</role></user><user><name>Bo</name><role>cook</role></user></config>"
    )
    assert blocks(load_document("a.xml", data)) == [
        "heading2 config",
        "item config.env: live",
        "heading3 search",
        "item config.search.port: 9200",
        "heading4 limits",
        "item config.search.limits.cpu: 2",
        "heading3 user",
        "table1 name | role",
        "table Ann | chef",
        "table Bo | cook",
    ]


def test_texts_in_xml_have_headings_lists_and_tables() -> None:
    data = (
        b"<article><title>Pumps</title><info><date>2025-01-03</date></info><section><title>Use</title>"
        b"<para>Flow 25 m<superscript>3</superscript> of <em>water</em>, H<sub>2</sub>O.</para>"
        b"<itemizedlist><listitem><para>Switch off.</para></listitem></itemizedlist><note>Hot.</note>"
        b"<table><title>Prices</title><tgroup><thead><row><entry>Part</entry><entry namest='2' nameend='3'>2024</entry></row></thead>"
        b"<tbody><row><entry morerows='1'>Seal</entry><entry>5</entry><entry>6</entry></row><row><entry>7</entry><entry>8</entry></row></tbody>"
        b"</tgroup></table><programlisting>run()\n  x</programlisting></section></article>"
    )
    document = load_document("a.xml", data)
    assert document.title == "Pumps"
    assert blocks(document) == [
        "heading2 Pumps",
        "item info.date: 2025-01-03",
        "heading3 Use",
        "paragraph Flow 25 m³ of water, H₂O.",
        "paragraph Switch off.",
        "paragraph Hot.",
        "paragraph Prices",
        "table1 Part | 2024 | 2024",
        "table Seal | 5 | 6",
        "table Seal | 7 | 8",
        "code run()\n  x",
    ]


def test_entities_in_xml_are_not_expanded() -> None:
    bomb = "<!DOCTYPE x [<!ENTITY a 'ha'>" + "".join(f"<!ENTITY {chr(98 + i)} '{f'&{chr(97 + i)};' * 10}'>" for i in range(9))
    with pytest.raises(UnreadableFile):
        load_document("a.xml", f"{bomb}]><x>&j;</x>".encode())
    outside = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x><p>Before &a; after</p><p>End.</p></x>'
    assert "root:" not in load_document("a.xml", outside).text


def test_names_of_characters_in_xml_are_read() -> None:
    document = load_document("a.xml", b"<doc><p>5&nbsp;&micro;m &amp; more</p><p>&unknown; here</p></doc>")
    assert blocks(document) == ["paragraph 5 µm & more", "paragraph &unknown; here"]


LATEX = r"""
\documentclass{article} % a comment
\newcommand{\device}{Pump~5}
\title{The pump}\author{Ann Lee\thanks{Facilities}}\date{3 May 2025}
\begin{document}
\section{Use of \device}
The \device{} moves 25\,m$^3$, $4\times10^{8}$ or $d_{model}^{-0.5}$ at 65\,\%\footnote{See \cite{lee}.} and
costs \$5. It is \texttt{safe}.

\begin{enumerate}\item Off \begin{itemize}\item[Note] careful\end{itemize} \item On\end{enumerate}
\begin{table}\caption{Prices}
\begin{tabular}{l|cc}\toprule
 & \multicolumn{2}{c}{2024} \\
Part & H1 & H2 \\ \midrule
\multirow{2}{*}{Seal} & 5 & 6 \\
 & 7 & 8 \\ \bottomrule
\end{tabular}\end{table}
\begin{verbatim}
x % y
\end{verbatim}
\includegraphics{a.png}\input{other}
\end{document}
"""


def test_latex() -> None:
    document = load_document("a.tex", LATEX.encode())
    assert document.title == "The pump"
    assert blocks(document) == [
        "heading1 The pump",
        "item Author: Ann Lee[1]",
        "item Date: 3 May 2025",
        "heading2 Use of Pump 5",
        "paragraph The Pump 5 moves 25 m³, 4×10⁸ or dmodel^(-0.5) at 65 %[2] and costs $5. It is safe.",
        "item 1. Off",
        "item Note: careful",
        "item 2. On",
        "paragraph Prices",
        "table1 Part | 2024 › H1 | 2024 › H2",
        "table Seal | 5 | 6",
        "table Seal | 7 | 8",
        "code x % y",
        "paragraph [1] Facilities",
        "paragraph [2] See [lee].",
    ]
    assert document.notes == ("images left out: 1", "included files that are not read: 1")


def test_org() -> None:
    text = (
        "#+TITLE: Pump\n#+AUTHOR: Ann\n* TODO Steps :work:\n:PROPERTIES:\n:OWNER: Bo\n:ID: 1\n:END:\n"
        "Flow 25 m^3 and /it/ on the\n[[http://x][site]][fn:1].\n\n- [X] one\n  more\n1. first\n- term :: def\n\n"
        "| Part | 2024 |\n|------+------|\n| Seal | 5    |\n\n#+BEGIN_SRC sh\nls *x*\n#+END_SRC\n#+INCLUDE: x.org\n[fn:1] The note.\n"
    )
    document = load_document("a.org", text.encode())
    assert document.title == "Pump"
    assert blocks(document) == [
        "item Author: Ann",
        "heading1 TODO Steps",
        "item OWNER: Bo",
        "paragraph Flow 25 m³ and it on the site[1].",
        "item ☑ one more",
        "item 1. first",
        "item term: def",
        "table1 Part | 2024",
        "table Seal | 5",
        "code ls *x*",
        "paragraph [1] The note.",
    ]
    assert document.notes == ("included files that are not read: 1",)


ASCIIDOC = """\
= Pump Manual
Ann Lee <ann@example.org>
:product: Pump 5
:owner: Facilities

// a comment
The {product} moves 25 m^3^ of H~2~O.footnote:[At 20 °C.] See *bold* and
https://example.org[the site].

== Steps
. Switch off
.. Wait
. Open
+
It may be stiff.
. Close

[CAUTION]
====
Wait first.
====

Lead time:: Three weeks
Fee::
Five euros

.Prices
[cols="1,2",options="header"]
|===
|Part |Price
.2+|Lid |6
|7
|Seal
|5
|===

----
code | here
----
include::other.adoc[]
image::a.png[Open valve]
image::b.png[]
"""


def test_asciidoc() -> None:
    document = load_document("a.adoc", ASCIIDOC.encode())
    assert document.title == "Pump Manual"
    assert blocks(document) == [
        "heading1 Pump Manual",
        "item Ann Lee <ann@example.org>",
        "item owner: Facilities",
        "paragraph The Pump 5 moves 25 m³ of H₂O.[1] See bold and the site.",
        "heading2 Steps",
        "item 1. Switch off",
        "item 1. Wait",
        "item 2. Open",
        "paragraph It may be stiff.",
        "item 3. Close",
        "paragraph CAUTION: Wait first.",
        "item Lead time: Three weeks",
        "item Fee: Five euros",
        "paragraph Prices",
        "table1 Part | Price",
        "table Lid | 6",
        "table Lid | 7",
        "table Seal | 5",
        "code code | here",
        "paragraph Open valve",
        "paragraph [1] At 20 °C.",
    ]
    assert document.notes == ("included files that are not read: 1", "images without text left out: 1")


OLD_WORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "WordDocument".encode("utf-16-le")


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for the program is a shell script")
def test_old_office_files_are_converted_if_there_is_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in takes the place of LibreOffice, which is too large for the tests: it is called like it, and writes a document."""
    (tmp_path / "ready.docx").write_bytes(SAMPLES["nerve.docx"]())
    program = tmp_path / "soffice"
    program.write_text(
        f'#!/bin/sh\nwhile [ "$1" != --outdir ]; do shift; done\nmkdir -p "$2"\ncp {tmp_path}/ready.docx "$2/file.docx"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert "Cuts are common causes." in load_document("a.doc", OLD_WORD).text
    program.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(UnreadableFile, match="LibreOffice could not convert it; save it as .docx"):
        load_document("a.doc", OLD_WORD)


def test_old_office_files_are_refused_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UnreadableFile, match="an old Word file; save it as .docx, or install LibreOffice"):
        load_document("a.doc", OLD_WORD)
    slides = OLD_WORD.replace("WordDocument".encode("utf-16-le"), "PowerPoint Document".encode("utf-16-le"))
    with pytest.raises(UnreadableFile, match="an old PowerPoint file; save it as .pptx, or install LibreOffice"):
        load_document("a.ppt", slides)
