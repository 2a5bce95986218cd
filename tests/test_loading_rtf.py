"""RTF: tables, raised figures, notes, comments, margins, hidden and deleted text, and what is left out."""

from rag.loading.loader import load_document
from rag.records import Document


def read(source: str) -> Document:
    return load_document("a.rtf", ("{\\rtf1\\ansi\\uc1 " + source + "}").encode("latin-1"))


def blocks(source: str) -> list[str]:
    document = read(source)
    return [f"{b.kind}{b.level or ''} {b.span.of(document.text)}" for b in document.blocks]


def row(*cells: str, definition: str = "") -> str:
    ends = definition or "".join(f"\\cellx{n}000" for n in range(1, len(cells) + 1))
    written = "".join(cell + "\\cell " for cell in cells)
    return f"\\trowd{ends}\\pard\\intbl {written}\\row\n"


def test_raised_and_lowered_figures() -> None:
    assert blocks(r"Take 25{\super 3} cells of 4 x 10{\super 8} each.\par H{\sub 2}O and CO\sub 2\nosupersub  are read.\par") == [
        "paragraph Take 25³ cells of 4 x 10⁸ each.",
        "paragraph H₂O and CO₂ are read.",
    ]
    assert (
        blocks(r"About 10{\super -}{\super 1}{\super\'32} metres, m{\up6\super 2}.\par")[0] == "paragraph About 10⁻¹² metres, m²."
    )


def test_a_table_between_paragraphs() -> None:
    table = "\\trowd\\trhdr" + row("Ward", "Beds").removeprefix("\\trowd") + row("A\\par B", "20") + row("C|D", "{\\b 30}")
    assert blocks(f"The beds are counted.\\par {table}\\pard They are enough.\\par") == [
        "paragraph The beds are counted.",
        "table1 Ward | Beds",
        "table A B | 20",
        r"table C\|D | 30",
        "paragraph They are enough.",
    ]


def test_two_tables_with_a_paragraph_between_them() -> None:
    first, second = row("Ward", "Beds", "Falls") + row("A", "20", "3"), row("Drug", "Dose") + row("Aspirin", "75")
    assert blocks(f"{first}\\pard These are the drugs.\\par {second}") == [
        "table1 Ward | Beds | Falls",
        "table A | 20 | 3",
        "paragraph These are the drugs.",
        "table Drug | Dose",
        "table Aspirin | 75",
    ]


def test_merged_cells() -> None:
    table = row(
        "Site", "2023", "", "2024", "", definition="\\clvmgf\\cellx1\\clmgf\\cellx2\\clmrg\\cellx3\\clmgf\\cellx4\\clmrg\\cellx5"
    )
    table += row("", "H1", "H2", "H1", "H2", definition="\\clvmrg\\cellx1\\cellx2\\cellx3\\cellx4\\cellx5")
    five = "\\cellx1\\cellx2\\cellx3\\cellx4\\cellx5"
    table += row("Hill", "1", "2", "3", "4", definition=f"\\clvmgf{five}") + row(
        "", "5", "6", "7", "8", definition=f"\\clvmrg{five}"
    )
    assert blocks(f"{table}\\pard The end of it.\\par")[:3] == [
        "table1 Site | 2023 › H1 | 2023 › H2 | 2024 › H1 | 2024 › H2",
        "table Hill | 1 | 2 | 3 | 4",
        "table Hill | 5 | 6 | 7 | 8",
    ]


def test_margins_notes_and_comments() -> None:
    source = r"{\header \pard SOP 118 Revision 7\par}{\footerr \pard Approved by M. Okafor\par}{\footerl Page 3}"
    source += r"The dose is 5 mg.{\super \chftn}{\footnote \pard{\super \chftn} In adults only.} {\*\annotation{\*\atnid 1}Is it so?}\par The next one is here.\par"
    assert blocks(source) == [
        "paragraph The dose is 5 mg.",
        "paragraph The next one is here.",
        "heading1 Footnotes",
        "paragraph In adults only.",
        "heading1 Comments",
        "item Comment: Is it so?",
        "heading1 Header and footer",
        "paragraph SOP 118 Revision 7",
        "paragraph Approved by M. Okafor",
    ]


def test_hidden_and_deleted_text_stays_out() -> None:
    document = read(r"Seen.{\v  canary \'e9 \u233?} Kept.{\deleted  canary} The end.\par")
    assert document.text.strip() == "Seen. Kept. The end."
    assert sorted(document.notes) == ["pieces of hidden or white text left out: 1", "tracked deletions left out: 1"]


def test_pictures_objects_and_text_boxes_are_reported() -> None:
    pictures = r"{\*\shppict{\pict\pngblip " + "89504e47" * 100 + r"}}{\nonshppict{\pict\wmetafile8 0102}}"
    document = read(
        f"Text.{pictures}{{\\object\\objemb{{\\*\\objdata 01}}{{\\result{{\\pict 01}}}}}}{{\\shp{{\\*\\shpinst{{\\shptxt In a box.}}}}}}\\par"
    )
    assert document.text.strip() == "Text."
    assert sorted(document.notes) == ["embedded files left out: 1", "images without text: 1", "text boxes left out: 1"]


def test_characters_beyond_the_first_plane() -> None:
    assert blocks(r"A fracture \u-10179?\u-8704? healed.\par") == ["paragraph A fracture 😀 healed."]


def test_files_with_unbalanced_groups() -> None:
    assert "Text" in read(r"Text.\par}}} {\header x {\super 1").text
