"""JSON, notebooks and Markdown's own extras: every value with its label, and nothing left out without a word."""

import json
from typing import Any

import pytest

from rag.loading.loader import load_document
from rag.records import Document


def blocks(document: Document) -> list[str]:
    """Each block as `kind level text`, without a level of 0."""
    return [f"{block.kind}{block.level or ''} {block.span.of(document.text)}" for block in document.blocks]


def of_json(content: str) -> list[str]:
    return blocks(load_document("a.json", content.encode()))


def of_markdown(content: str) -> list[str]:
    return blocks(load_document("a.md", content.encode()))


PROSE = "We refund everything within a month, and we pay the postage both ways, whatever the reason."


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            '{"env": "live", "services": {"search": {"port": 9200, "limits": {"cpu": 2}}, "mail": {"port": 2525}}}',
            [
                "item env: live",
                *["heading2 search", "item services.search.port: 9200"],
                *["heading3 limits", "item services.search.limits.cpu: 2"],
                *["heading2 mail", "item services.mail.port: 2525"],
            ],
        ),
        (
            '{"company": "X", "staff": [{"name": "Ann", "role": "chef"}, {"name": "Bo", "role": "cook"}], "since": 1999}',
            [
                "item company: X",
                "item since: 1999",
                "heading2 staff",
                "table1 name | role",
                "table Ann | chef",
                "table Bo | cook",
            ],
        ),
        (
            '{"services": [{"name": "bill", "net": {"port": 80}}, {"name": "find", "net": {"port": 81}}]}',
            [
                *["heading2 bill", "heading3 net", "item services.bill.net.port: 80"],
                *["heading2 find", "heading3 net", "item services.find.net.port: 81"],
            ],
        ),
        (
            '{"a": {"hosts": [{"id": 7, "net": {"ip": "x"}}, {"net": {"ip": "y"}}], "last": 1}, "b": 2}',
            [
                "item b: 2",
                "heading2 a",
                "item a.last: 1",
                "heading3 hosts",
                "item a.hosts[7].id: 7",
                "item a.hosts[7].net.ip: x",
                "item a.hosts[2].net.ip: y",
            ],
        ),
        (
            '{"a": {"ports": [80, 443], "tags": ["x", "y"]}}',
            ["heading2 a", "item a.ports: 80, 443", "item a.tags: x", "item a.tags: y"],
        ),
        (
            '{"a": [["Year", "n"], ["2023", 5], ["2024", 6]]}',
            ["heading2 a", "table1 Year | n", "table 2023 | 5", "table 2024 | 6"],
        ),
        (
            '{"a": {"rate": 1.10, "big": 1e5, "on": true, "off": false, "none": null}}',
            ["heading2 a", "item a.rate: 1.10", "item a.big: 1e5", "item a.on: true", "item a.off: false"],
        ),
        (
            json.dumps({"policy": {"refund": PROSE, "text": PROSE}}),
            ["heading2 policy", f"paragraph policy.refund: {PROSE}", f"paragraph {PROSE}"],
        ),
        (
            '{"version": 2, "faq": [{"question": "Why?", "more": {"see": "page 3"}}]}',
            ["item version: 2", "heading2 faq", "question Why?", "item more.see: page 3"],
        ),
    ],
)
def test_values_are_read_with_the_keys_above_them(content: str, expected: list[str]) -> None:
    assert of_json(content) == expected


def test_records_of_lines_keep_their_numbers_as_written() -> None:
    assert of_json('{"n": "a", "price": 1.50}\n{"n": "b", "price": 2.00}') == [
        "table1 n | price",
        "table a | 1.50",
        "table b | 2.00",
    ]


def test_values_one_after_another_are_records() -> None:
    assert of_json('{\n "n": "a"\n}\n{\n "n": "b"\n}\n') == ["table1 n", "table a", "table b"]


def notebook(*outputs: dict[str, Any]) -> Document:
    cells = [{"cell_type": "code", "source": "run()", "outputs": list(outputs)}]
    return load_document("a.ipynb", json.dumps({"cells": cells, "nbformat": 4}).encode())


def test_outputs_of_a_notebook_are_read() -> None:
    html = "<table><thead><tr><th></th><th>Falls</th></tr></thead><tbody><tr><th>North</th><td>3</td></tr></tbody></table>"
    document = notebook(
        {"output_type": "stream", "name": "stdout", "text": ["step 1\rstep 2\n", "accuracy: \x1b[1m0.93\x1b[0m\n"]},
        {"output_type": "execute_result", "data": {"text/plain": "'done'"}},
        {"output_type": "display_data", "data": {"text/html": [html], "text/plain": "   Falls\nNorth  3"}},
        {"output_type": "display_data", "data": {"text/markdown": "**Bold** claim."}},
        {"output_type": "display_data", "data": {"image/png": "x", "text/plain": "<Figure size 640x480 with 1 Axes>"}},
        {"output_type": "error", "ename": "ValueError", "evalue": "no nerve", "traceback": ["long"]},
    )
    assert blocks(document) == [
        "code run()",
        "item step 2",
        "item accuracy: 0.93",
        "item 'done'",
        "table1 | Falls",
        "table North | 3",
        "paragraph **Bold** claim.",
        "code ValueError: no nerve",
    ]
    assert {block.page for block in document.blocks} == {1}
    assert document.notes == ("pictures in outputs left out: 1",)


def test_a_long_output_is_one_block_and_old_notebooks_are_read() -> None:
    assert len(notebook({"output_type": "stream", "text": "line\n" * 99}).blocks) == 2
    cells = [
        {"cell_type": "heading", "level": 2, "source": ["Old"]},
        {"cell_type": "code", "input": ["x"], "outputs": [{"output_type": "pyout", "text": ["5"]}]},
        {"cell_type": "raw", "source": "Plain."},
    ]
    old = json.dumps({"worksheets": [{"cells": cells}], "nbformat": 3}).encode()
    assert blocks(load_document("old.ipynb", old)) == ["heading2 Old", "code x", "item 5", "paragraph Plain."]


def test_front_matter_is_read_entry_by_entry() -> None:
    text = "---\ntitle: Leave\nowner: Ann Lee\neffective: 2025-01-03\nauthors:\n  - Bo\n  - Cy\nlayout: page\ndraft:\ntags: []\n---\n\nText.\n"
    document = load_document("a.md", text.encode())
    assert (document.title, document.text) == ("Leave", text)
    assert blocks(document) == [
        "item title: Leave",
        "item owner: Ann Lee",
        "item effective: 2025-01-03",
        "item authors:\n  - Bo\n  - Cy",
        "paragraph Text.",
    ]
    assert of_markdown('+++\ntitle = "T"\ndate = 2025-03-04\n+++\nText.\n') == [
        'item title = "T"',
        "item date = 2025-03-04",
        "paragraph Text.",
    ]
    assert of_markdown("---\ntitle: Leave\nlayout: page\n---\n\nText.\n") == ["paragraph Text."]


def test_each_footnote_is_a_block() -> None:
    text = (
        "A claim[^1] and one[^b].\n\n[^1]: Smith\n[^2]: https://example.org\n[^b]: The long note says\n    more here.\n\n"
        "    And again.\n\n```\n[^9]: code\n```\n"
    )
    assert of_markdown(text) == [
        "paragraph A claim[^1] and one[^b].",
        "paragraph [^1]: Smith",
        "paragraph [^2]: https://example.org",
        "paragraph [^b]: The long note says\n    more here.",
        "paragraph And again.",
        "code ```\n[^9]: code\n```",
    ]


def test_a_term_and_its_definitions_are_one_item() -> None:
    text = "Apple\n: A fruit.\n: A firm.\n\nPear\n\n:   Another fruit\n    of trees.\n\nA\n: x\nB\n: y\n\nTime 10\n:30 is no definition.\n"
    assert of_markdown(text) == [
        "item Apple\n: A fruit.\n: A firm.",
        "item Pear\n\n:   Another fruit\n    of trees.",
        "item A\n: x",
        "item B\n: y",
        "paragraph Time 10\n:30 is no definition.",
    ]


HTML_TABLE = "<table>\n  <thead><tr><th>Log</th><th>Kept</th></tr></thead>\n\n    <tr><td>Audit | x</td>\n<td>3 m<sup>2</sup></td></tr>\n</table>"


@pytest.mark.parametrize(
    ("before", "after"),
    [("Before.\n\n", "\n\nAfter.\n"), ("Before.\n", "\nAfter.\n"), ("", ""), ("Before.\n\n<div>", "</div>\n\nAfter.\n")],
)
def test_tables_written_in_html_are_quoted_without_tags(before: str, after: str) -> None:
    found = of_markdown(f"# Logs\n\n{before}{HTML_TABLE}{after}")
    assert found[1:] == [
        *(["paragraph Before."] if before else []),
        "table1 | Log | Kept |\n|---|---|",
        "table | Audit \\| x | 3 m² |",
        *(["paragraph After."] if after else []),
    ]


def test_a_html_table_in_a_list_stays_in_its_item() -> None:
    assert of_markdown("- one\n\n  <table><tr><th>a<th>b<tr><td>1<td>2</table>\n\n- two\n") == [
        "item - one",
        "table1 | a | b |\n  |---|---|",
        "table | 1 | 2 |",
        "item - two",
    ]


def test_other_html_in_markdown_is_quoted_without_the_tags_of_blocks() -> None:
    text = (
        "<ul>\n  <li>First <b>item</b></li>\n  <li>Second:\n    <ul><li>Inner.</li></ul>\n  </li>\n</ul>\n\n"
        "<details>\n<summary>Can I return it?</summary>\n<h3>Rules</h3>\n<p>Within 14 days.</p><!-- hidden --> In full.\n</details>\n"
    )
    document = load_document("a.md", text.encode())
    assert document.text == text
    assert blocks(document) == [
        "item First <b>item",
        "item Second:",
        "item Inner.",
        "question Can I return it?",
        "heading3 Rules",
        "paragraph Within 14 days.",
        "paragraph In full.",
    ]


def test_captions_and_tables_without_a_header() -> None:
    assert of_markdown("<table><caption>Phones</caption><tr><td>Ann</td><td>012</td></tr></table>\n") == [
        "paragraph Phones",
        "table | Ann | 012 |",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Use `<table>` for rows.\n",
        "```html\n<table><tr><td>x</td></tr></table>\n```\n",
        "<table><tr><td><img src='a.png'></td></tr></table>\n\nText.\n",
        "<table> is never closed\n\nText.\n",
        "</table>\n\nText.\n",
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
    ],
)
def test_other_markdown_stays_as_it_is(text: str) -> None:
    assert load_document("a.md", text.encode()).text == text
