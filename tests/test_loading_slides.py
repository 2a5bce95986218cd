"""Presentations: charts, SmartArt, merged cells, lists, raised figures, equations, notes, comments and what is left out."""

from io import BytesIO
from typing import Any

import pptx
import pytest
from lxml import etree
from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.opc.package import Part
from pptx.opc.packuri import PackURI
from pptx.presentation import Presentation
from pptx.util import Inches

from rag.loading.loader import load_document
from rag.loading.office.drawings import chart_pieces, diagram_texts
from rag.records import Document

A = 'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main"'
C = 'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart"'
D = 'xmlns:dgm="http://schemas.openxmlformats.org/drawingml/2006/diagram"'
BOX = (Inches(1), Inches(2), Inches(4), Inches(2))


def blank() -> tuple[Presentation, Any]:
    presentation = pptx.Presentation()
    return presentation, presentation.slides.add_slide(presentation.slide_layouts[6])


def read(presentation: Presentation) -> Document:
    data = BytesIO()
    presentation.save(data)
    return load_document("a.pptx", data.getvalue())


def blocks(presentation: Presentation) -> list[str]:
    document = read(presentation)
    return [f"{b.kind}{b.level or ''} {b.span.of(document.text)}" for b in document.blocks]


def charted(kind: XL_CHART_TYPE, data: Any, title: str = "") -> list[str]:
    presentation, slide = blank()
    chart = slide.shapes.add_chart(kind, *BOX, data).chart
    if title:
        chart.chart_title.text_frame.text = title
    return blocks(presentation)


def test_a_chart_is_a_table_of_its_series() -> None:
    data = CategoryChartData(number_format="0%")
    data.categories = ["Alder Court", "Rowan House"]
    data.add_series("2024", (0.87, 0.653035934))
    data.add_series("2025", (0.9, None))
    assert charted(XL_CHART_TYPE.COLUMN_CLUSTERED, data, "Occupancy") == [
        "paragraph Occupancy",
        "table1 | 2024 | 2025",
        "table Alder Court | 87% | 90%",
        "table Rowan House | 65% |",
    ]


def test_a_pie_a_line_with_groups_and_a_scatter_chart() -> None:
    pie = CategoryChartData()
    pie.categories = ["Mon", "Tue"]
    pie.add_series("Visits", (3, 4.5))
    assert charted(XL_CHART_TYPE.PIE, pie)[-2:] == ["table Mon | 3", "table Tue | 4.5"]
    grouped = CategoryChartData()
    for year in ("2024", "2025"):
        label = grouped.add_category(year)
        label.add_sub_category("H1")
        label.add_sub_category("H2")
    grouped.add_series("Falls", (1, 2, 3, 4))
    assert charted(XL_CHART_TYPE.LINE, grouped)[-4:] == [
        "table 2024 › H1 | 1",
        "table 2024 › H2 | 2",
        "table 2025 › H1 | 3",
        "table 2025 › H2 | 4",
    ]
    scattered = XyChartData()
    series = scattered.add_series("Dose")
    series.add_data_point(0.5, 12)
    series.add_data_point(1.5, 7)
    assert charted(XL_CHART_TYPE.XY_SCATTER, scattered)[-2:] == ["table 0.5 | 12", "table 1.5 | 7"]


def test_a_chart_without_saved_values() -> None:
    series = "<c:ser><c:val><c:numRef><c:f>Sheet1!B2</c:f></c:numRef></c:val></c:ser>"
    source = f"<c:chartSpace {C}><c:chart><c:plotArea><c:pieChart>{series}</c:pieChart></c:plotArea></c:chart></c:chartSpace>"
    assert chart_pieces(etree.fromstring(source)) == []


def test_smart_art_is_read_from_top_to_bottom() -> None:
    def point(identifier: int, text: str, kind: str = "node") -> str:
        return f'<dgm:pt modelId="{identifier}" type="{kind}"><dgm:t><a:p><a:r><a:t>{text}</a:t></a:r></a:p></dgm:t></dgm:pt>'

    def link(above: int, below: int, order: int) -> str:
        return f'<dgm:cxn modelId="9{below}" srcId="{above}" destId="{below}" srcOrd="{order}"/>'

    points = point(4, "Act") + point(2, "Plan") + point(3, "Budget") + point(1, "", "doc") + point(5, "x", "pres")
    links = link(1, 4, 1) + link(1, 2, 0) + link(2, 3, 0)
    source = f"<dgm:dataModel {D} {A}><dgm:ptLst>{points}</dgm:ptLst><dgm:cxnLst>{links}</dgm:cxnLst></dgm:dataModel>"
    assert diagram_texts(etree.fromstring(source)) == ["Plan", "Budget", "Act"]
    presentation, slide = blank()
    part = Part(PackURI("/ppt/diagrams/data1.xml"), "application/xml", presentation.part.package, source.encode())
    relationship = slide.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/diagramData")
    frame = slide.shapes.add_table(1, 1, *BOX)._element
    graphic = frame.find(".//{*}graphicData")
    graphic.remove(graphic[0])
    graphic.set("uri", "http://schemas.openxmlformats.org/drawingml/2006/diagram")
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    graphic.append(etree.fromstring(f'<dgm:relIds {D} xmlns:r="{relation}" r:dm="{relationship}"/>'))
    assert blocks(presentation) == ["item Plan", "item Budget", "item Act"]


def test_merged_cells_of_a_table() -> None:
    presentation, slide = blank()
    table = slide.shapes.add_table(4, 3, *BOX).table
    texts = (("Ward", "Falls", ""), ("", "2024", "2025"), ("North", "3", "4"), ("", "5", "6"))
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            table.cell(row, column).text = text
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(0, 1).merge(table.cell(0, 2))
    table.cell(2, 0).merge(table.cell(3, 0))
    assert blocks(presentation) == ["table1 Ward | Falls › 2024 | Falls › 2025", "table North | 3 | 4", "table North | 5 | 6"]


def test_numbered_lists_and_raised_figures() -> None:
    presentation, slide = blank()
    frame = slide.shapes.add_textbox(*BOX).text_frame
    frame.text = "Wash\nRinse\nDry\nNext: 4 × 10"
    for paragraph, scheme in zip(frame.paragraphs, ("arabicPeriod", "arabicPeriod", "alphaLcParenBoth"), strict=False):
        paragraph._p.get_or_add_pPr().append(etree.fromstring(f'<a:buAutoNum {A} type="{scheme}"/>'))
    run = frame.paragraphs[3].add_run()
    run.text = "8"
    run.font._element.set("baseline", "30000")
    assert blocks(presentation) == ["paragraph 1. Wash", "paragraph 2. Rinse", "paragraph (a) Dry", "paragraph Next: 4 × 10⁸"]


def test_a_text_box_with_an_equation() -> None:
    presentation, slide = blank()
    frame = slide.shapes.add_textbox(*BOX).text_frame
    frame.text = "Area: "
    math = "http://schemas.openxmlformats.org/officeDocument/2006/math"
    power = "<m:r><m:t>πr</m:t></m:r><m:sSup><m:e/><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>"
    source = f'<a14:m xmlns:a14="http://schemas.microsoft.com/office/drawing/2010/main" xmlns:m="{math}"><m:oMath>{power}</m:oMath></a14:m>'
    frame.paragraphs[0]._p.append(etree.fromstring(source))
    # PowerPoint puts the whole shape into an alternative for programs without equations.
    shape = slide.shapes[0]._element
    compatibility = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    alternative = etree.SubElement(shape.getparent(), f"{{{compatibility}}}AlternateContent")
    etree.SubElement(alternative, f"{{{compatibility}}}Choice").append(shape)
    etree.SubElement(alternative, f"{{{compatibility}}}Fallback")
    assert blocks(presentation) == ["paragraph Area: πr²"]


@pytest.mark.parametrize(("description", "expected"), [("Falls by ward", "Falls by ward"), ("", None), ("IMG_1.PNG", None)])
def test_pictures_with_and_without_text(description: str, expected: str | None) -> None:
    presentation, slide = blank()
    slide.shapes.add_textbox(*BOX).text_frame.text = "Text."
    picture = BytesIO(bytes.fromhex(PNG))
    slide.shapes.add_picture(picture, *BOX)._element.nvPicPr.cNvPr.set("descr", description)
    document = read(presentation)
    assert document.text == (f"Text.\n\n{expected}" if expected else "Text.")
    assert document.notes == (() if expected else ("images without text: 1",))


PNG = (
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def test_comments_and_groups() -> None:
    presentation, slide = blank()
    group = slide.shapes.add_group_shape()
    group.shapes.add_group_shape().shapes.add_textbox(*BOX).text_frame.text = "Deep."
    source = '<p:cmLst xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main"><p:cm><p:text>Is it so?</p:text></p:cm></p:cmLst>'
    part = Part(PackURI("/ppt/comments/comment1.xml"), "application/xml", presentation.part.package, source.encode())
    slide.part.relate_to(part, "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments")
    assert blocks(presentation) == ["paragraph Deep.", "item Comment: Is it so?"]
