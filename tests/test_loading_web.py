"""Web pages and books: everything that a reader of the page sees is read, in order and under its label, and nothing else."""

import pytest

from rag.loading.loader import load_document
from rag.records import Document
from rag.text.passages import split_passages
from tests.sample_files import archive


def page(body: str) -> Document:
    return load_document("page.html", f"<!doctype html><title>Page</title><body>{body}</body>".encode())


def blocks(document: Document) -> list[str]:
    """Each block as `kind level text`, without a level of 0."""
    return [f"{block.kind}{block.level or ''} {block.span.of(document.text)}" for block in document.blocks]


def text(body: str) -> str:
    return page(body).text


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("Flow: 25 m<sup>3</sup> an hour", "Flow: 25 m³ an hour"),
        ("4 × 10<sup>8</sup> cells and 10<sup>&minus;3</sup>", "4 × 10⁸ cells and 10⁻³"),
        ("H<sub>2</sub>O and SO<sub>4</sub><sup>2−</sup>", "H₂O and SO₄²⁻"),
        ("2<sup>1.5</sup> and x<sub>max</sub>", "2^(1.5) and xmax"),
        ("the 1<sup>st</sup> of May, Brand<sup>TM</sup>", "the 1st of May, BrandTM"),
        ("pre<b>fix</b>es and <i>a</i>&nbsp;b", "prefixes and a\u00a0b"),
        ("¾ cup, 65&nbsp;%, −4 °C, ﬁne", "¾ cup, 65\u00a0%, −4 °C, ﬁne"),
        ("Was <del>50</del> <ins>40</ins> euros, <s>free</s>", "Was ~~50~~ 40 euros, ~~free~~"),
        ("He said <q>no</q>.", "He said “no”."),
        ("E = <math><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup><annotation>mc^2</annotation></math>", "E = mc²"),
        ("<math><mfrac><mn>1</mn><mrow><mi>x</mi><mo>+</mo><mn>1</mn></mrow></mfrac></math>", "1/(x + 1)"),
    ],
)
def test_values_are_read_as_they_are_shown(html: str, expected: str) -> None:
    assert text(f"<p>{html}</p>") == expected
    assert text(f"<table><tr><th>k<th>v<tr><td>a<td>{html}</table>").endswith("a | " + expected.replace("\u00a0", " "))


def test_the_mark_of_a_footnote_leads_to_its_note_and_is_no_figure() -> None:
    assert blocks(
        page(
            "<p>Built in 1924<sup><a href='#n1'>1</a></sup>, closed in 2004<a role='doc-noteref' href='#n2'>2</a> and"
            " sold<a href='#n3'><sup>[3]</sup></a>.</p><ol><li id=n1>Some say 1925. <a href='#r1'>↩</a></ol>"
            "<p id=n2>In March.</p><p id=n3>3. To the city.</p>"
        )
    ) == [
        "paragraph Built in 1924[1], closed in 2004[2] and sold[3].",
        "item 1. Some say 1925.",
        "paragraph [2] In March.",
        "paragraph 3. To the city.",
    ]


def test_merged_cells_and_headers_of_several_rows() -> None:
    html = (
        "<table><caption>Falls by ward</caption><thead><tr><th rowspan=2>Ward<th colspan=2>2024<tr><th>H1<th>H2</thead>"
        "<tfoot><tr><th>Sum<td>8<td>9</tfoot>"
        "<tbody><tr><th rowspan=2>North<td>1<td>2<tr><td>3<td>4<tr><th>South<td colspan=2>closed</tbody></table>"
    )
    assert blocks(page(html)) == [
        "paragraph Falls by ward",
        "table1 Ward | 2024 › H1 | 2024 › H2",
        "table North | 1 | 2",
        "table North | 3 | 4",
        "table South | closed | closed",
        "table Sum | 8 | 9",
    ]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<tr><td><th>2023<th>2024<tr><th>Beds<td>4<td>5", ["table1 | 2023 | 2024", "table Beds | 4 | 5"]),
        ("<tr><th>Name<td>Ann<tr><th>Age<td>5", ["table Name | Ann", "table Age | 5"]),
        ("<tr><td>Phone<td>012<tr><td>Mail<td>x@y.org", ["table Phone | 012", "table Mail | x@y.org"]),
        ("<tr><td><b>Drug</b><td><b>Dose</b><tr><td>A<td>5", ["table1 Drug | Dose", "table A | 5"]),
        ("<tr><td>Drug<td>Dose<td>Route<tr><td>A<td>5<td>oral", ["table1 Drug | Dose | Route", "table A | 5 | oral"]),
        ("<tr><th>k<th>v<tr><td>a|b<td><tr><td><td>c", ["table1 k | v", "table a\\|b |", "table | c"]),
        ("<tr><th>k<th>v<tr><td>a<td><ul><li>x<li>y</ul>", ["table1 k | v", "table a | x; y"]),
        ("<tr><th>k<th>v<tr><td>a<td><p>One.</p><p>Two.</p>", ["table1 k | v", "table a | One. Two."]),
        (
            "<tr><th>k<th>v<tr><td>a<td>1<tr><th>m<th>n<tr><td>b<td>2",
            ["table1 k | v", "table a | 1", "table1 m | n", "table b | 2"],
        ),
        ("<tr><td rowspan=0>a<td>1<tr><td>2", ["table a | 1", "table a | 2"]),
        ("<tr><td colspan=many>a<td>1<tr><td>b<td>2", ["table a | 1", "table b | 2"]),
    ],
)
def test_cells_stand_below_their_labels(html: str, expected: list[str]) -> None:
    assert [block.rstrip() for block in blocks(page(f"<table>{html}</table>"))] == expected


def test_rows_without_a_header_do_not_get_that_of_the_table_above() -> None:
    document = page("<table><tr><th>Day<th>Open<tr><td>Mon<td>9</table><table><tr><td>Phone<td>012<tr><td>Fax<td>013</table>")
    assert blocks(document)[2:] == ["item Phone | 012", "item Fax | 013"]
    passages = split_passages(document, count_tokens=lambda texts: [len(t.split()) for t in texts], limit=10)
    assert not any("Day" in passage.context for passage in passages if "Phone" in passage.text)


def test_tables_that_place_the_parts_of_a_page_are_no_tables() -> None:
    html = "<table role=presentation><tr><td><p>Left.</p><p>More.</p><td>Right.</table>"
    assert blocks(page(html)) == ["paragraph Left.", "paragraph More.", "paragraph Right."]
    nested = "<table><tr><td><table><tr><th>a<th>b<tr><td>1<td>2</table><td>beside</table>"
    assert blocks(page(nested)) == ["table1 a | b", "table 1 | 2", "paragraph beside"]


def test_a_term_and_its_definition_are_one_item() -> None:
    html = (
        "<dl><dt>Lead time<dd>Three weeks.<dt>Fee:<dd><p>Five euros.</p><p>In cash.</p><dt>Ash<dt>Elm<dd>Trees."
        "<dt>Bank<dd>A shore.<dd>A firm.<dt>Alone</dl><dl><dt>Is it safe?<dd>Yes.</dl>"
    )
    assert blocks(page(html)) == [
        "item Lead time: Three weeks.",
        "item Fee: Five euros.",
        "paragraph In cash.",
        "item Ash, Elm: Trees.",
        "item Bank: A shore.",
        "item Bank: A firm.",
        "item Alone",
        "question Is it safe?",
        "paragraph Yes.",
    ]


def test_the_numbers_of_lists_are_those_that_are_shown() -> None:
    html = (
        "<ol><li>One<li><p>Two</p></ol><ol start=4 type=a><li>Four<ol type=i><li>In<li>Out</ol><li>Five</ol>"
        "<ol reversed><li>B<li>A</ol><ol><li value=9>Nine<li>Ten</ol><ol style='list-style: none'><li>Plain</ol><ul><li>Dot</ul>"
    )
    assert text(html).split("\n") == [
        *["1. One", "2. Two", "d. Four", "i. In", "ii. Out", "e. Five"],
        *["2. B", "1. A", "9. Nine", "10. Ten", "Plain", "Dot"],
    ]


def test_notes_within_the_text_are_content_and_side_matter_is_not() -> None:
    html = (
        "<main><h1>Filter</h1><p>Once a season.</p><aside class=note>Switch off the pump.</aside><aside><p>It may be hot.</p></aside>"
        "<aside class=sidebar>Follow us.</aside><aside><a href=1>Other filters</a></aside>"
        "<div role=complementary class=newsletter>Subscribe.</div></main><aside>Outside.</aside>"
    )
    assert blocks(page(html)) == [
        "heading1 Filter",
        "paragraph Once a season.",
        "paragraph Switch off the pump.",
        "paragraph It may be hot.",
    ]
    assert "It may be hot." in text("<h1>Filter</h1><p>Once.</p><aside>It may be hot.</aside><div id=related-links>x</div>")


def test_parts_that_fold_out_are_read() -> None:
    html = (
        "<details><summary>Can I return it?</summary><p>Within 14 days.</p></details><details><summary>Sizes</summary>S, M.</details>"
        "<h3><button>When is it open?</button></h3><div>At nine.</div><button>Buy now</button>"
    )
    assert blocks(page(html)) == [
        "question Can I return it?",
        "paragraph Within 14 days.",
        "paragraph Sizes",
        "paragraph S, M.",
        "question3 When is it open?",
        "paragraph At nine.",
    ]


def test_headers_and_footers_of_sections_are_content_and_those_of_the_page_are_not() -> None:
    html = (
        "<header><p>Our firm</p></header><article><header><h2>Rates</h2><p>Valid from May.</p></header><p>Five euros.</p>"
        "<blockquote>Fair.<footer>Ann</footer></blockquote><footer>Checked in June.</footer></article><footer>Imprint</footer>"
    )
    assert blocks(page(html)) == [
        "heading2 Rates",
        "paragraph Valid from May.",
        "paragraph Five euros.",
        "paragraph Fair.",
        "paragraph Ann",
        "paragraph Checked in June.",
    ]


def test_banners_and_hidden_parts_are_not_read() -> None:
    html = (
        "<div class='cookie-banner'>We use cookies.</div><div id=onetrust-consent-sdk>Accept</div><dialog>Closed</dialog>"
        "<section id=cookies><p>Our biscuits have cocoa.</p></section><dialog open>Open now.</dialog>"
        "<p hidden>a</p><p style='display:none'>b</p><div aria-hidden=true>c</div><template>d</template>"
    )
    assert text(html) == "Our biscuits have cocoa.\n\nOpen now."


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<time datetime='2025-04-14'></time>", "2025-04-14"),
        ("Due <time datetime='2025-04-14T09:30'>next Monday</time>", "Due next Monday (2025-04-14 09:30)"),
        ("Due <time datetime='2025-04-14'>14 April</time>", "Due 14 April"),
        ("<time datetime='2025-04-14'>3 days ago</time>", "3 days ago (2025-04-14)"),
    ],
)
def test_dates_of_times(html: str, expected: str) -> None:
    assert text(f"<p>{html}</p>") == expected


def test_values_of_form_fields() -> None:
    html = (
        "<form><p><label>Name: <input value='Ann Lee'></label> <input type=hidden value=x><input type=password value=x></p>"
        "<p><input type=checkbox checked>Insured</p><p><input type=radio>Tax-free</p>"
        "<p>Size <select><option>S<option selected>M</select></p><p><textarea>Two\nlines</textarea><input type=submit value=Go></p></form>"
    )
    assert text(html).split("\n\n") == ["Name: Ann Lee", "☑ Insured", "☐ Tax-free", "Size M", "Two\nlines"]


def test_a_box_without_a_text_is_no_content() -> None:
    assert text("<div><input type=checkbox></div><p>Text.</p>") == "Text."


def test_images_are_read_by_their_text_and_counted_without_one() -> None:
    document = page(
        "<p>Turn <img src=a alt='the red valve'> now.</p><figure><img alt='Open valve'><figcaption>Open valve</figcaption></figure>"
        "<p><img src=b><img src=c alt=''><img src=d alt='IMG_01.jpg'><img src=e width=1 height=1>End.</p>"
        "<iframe src=x></iframe><video></video><audio></audio><svg><text>5</text></svg>"
    )
    assert document.text == "Turn the red valve now.\n\nOpen valve\n\nEnd."
    assert document.notes == (
        "drawings left out: 1",
        "embedded pages left out: 1",
        "images without text left out: 2",
        "videos and recordings left out: 2",
    )
    assert page("<p>No images.</p>").notes == ()


def test_one_of_several_articles_and_a_teaser_are_not_all_there_is() -> None:
    body = (
        "<h1>Report</h1><div>The whole report has a lot to say about ferns, mosses and reeds.</div><article>Read more</article>"
    )
    assert "mosses" in text(body)
    assert (
        text("<div>Menu</div><article><p>The article is most of the page by far.</p></article>")
        == "The article is most of the page by far."
    )


def test_menus_of_numbered_links_are_left_out() -> None:
    links = "".join(f"<li><a href={n}>Page {n}</a>" for n in range(9))
    assert text(f"<p>Text.</p><ol>{links}</ol><p>More.</p>") == "Text.\n\nMore."


def test_the_title_has_raised_figures_too() -> None:
    assert page("<h1>25 m<sup>3</sup></h1><p>Text.</p>").title == "25 m³"


def test_notes_of_a_book_are_read_with_the_marks_that_lead_to_them() -> None:
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest><item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="n" href="n.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="a"/><itemref idref="n"/></spine></package>'
    )
    book = archive(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": '<container><rootfiles><rootfile full-path="p.opf"/></rootfiles></container>',
            "p.opf": package,
            "a.xhtml": '<body><p>Built in 1924<a epub:type="noteref" href="n.xhtml#n1">1</a>, 3 m<sup>2</sup>.</p>'
            '<aside epub:type="footnote" id="x"><p>An aside.</p></aside><img src="a.png"/></body>',
            "n.xhtml": '<body><section epub:type="endnotes"><p id="n1">Some say 1925.</p></section></body>',
        }
    )
    document = load_document("book.epub", book)
    assert document.text == "Built in 1924[1], 3 m².\n\nAn aside.\n\n[1] Some say 1925."
    assert document.notes == ("images without text left out: 1",)
