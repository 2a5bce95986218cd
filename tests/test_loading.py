"""Text, Markdown and HTML files; encodings; which files a corpus has."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag.errors import CorpusError, UnreadableFile
from rag.loading.corpus import corpus_files
from rag.loading.loader import load_document
from rag.loading.process.safe_open import read_bytes
from rag.loading.text_files.decoding import decode
from rag.records import Document

WORDS = "Größe: 5 µm, naïve – “cut” nerve"


def blocks(document: Document) -> list[tuple[str, str]]:
    return [(block.kind, block.span.of(document.text)) for block in document.blocks]


def load(name: str, text: str) -> Document:
    return load_document(name, text.encode())


@pytest.mark.parametrize(
    "data",
    [
        WORDS.encode("utf-8"),
        WORDS.encode("utf-8-sig"),
        WORDS.encode("utf-16"),
        b"\xfe\xff" + WORDS.encode("utf-16-be"),
        WORDS.encode("utf-32"),
        WORDS.encode("cp1252"),
        ("word " * 200 + WORDS).encode("utf-16-le"),
    ],
    ids=["utf-8", "utf-8 with byte order mark", "utf-16", "utf-16-be", "utf-32", "cp1252", "utf-16-le without byte order mark"],
)
def test_encodings_are_detected(data: bytes) -> None:
    assert decode(data).endswith(WORDS)


def test_a_declared_encoding_is_used() -> None:
    page = '<html><head><meta charset="koi8-r"></head><body><p>Нерв мышцы.</p></body></html>'
    assert "Нерв мышцы." in load_document("page.html", page.encode("koi8-r")).text


def test_line_ends_become_line_feeds() -> None:
    assert decode(b"a\r\nb\rc\n") == "a\nb\nc\n"


@pytest.mark.parametrize("data", [b"\x00\x01\x02\xff" * 50, b"\xff\xfe\x00\xd8"], ids=["binary", "broken utf-16"])
def test_binary_data_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableFile):
        decode(data)


def test_plain_text_is_structured_by_its_shape() -> None:
    document = load(
        "notes.txt",
        "Nerve notes\n\nCauses\n\nCuts and crush injuries are\ncommon causes. Others are rare.\n\n"
        "Signs\n-----\n- weakness\n  of the hand\n* numbness\n1. pain\n\nIs it serious?\nUsually not.\nWhy not?\nNerves regrow.\n",
    )
    assert document.title == "Nerve notes"
    assert blocks(document) == [
        ("heading", "Nerve notes"),
        ("heading", "Causes"),
        ("paragraph", "Cuts and crush injuries are\ncommon causes. Others are rare."),
        ("heading", "Signs\n-----"),
        ("item", "- weakness\n  of the hand"),
        ("item", "* numbness"),
        ("item", "1. pain"),
        ("question", "Is it serious?"),
        ("paragraph", "Usually not."),
        ("question", "Why not?"),
        ("paragraph", "Nerves regrow."),
    ]


def test_a_question_within_a_paragraph_is_not_an_faq() -> None:
    document = load("essay.txt", "He asked himself: why would it\nhappen at all?\nNobody knew. Was it the cut? It was.")
    assert [kind for kind, _ in blocks(document)] == ["paragraph"]


LINKS = "\n\nHuman Norovirus: How It Spreads\n\nWhat Is the Prevalence of Ataxia?\n\nUses of Ceftizoxime in Dogs"
PROSE = "Growing Ferns\n\nFerns need damp soil, and they wilt within two days when nobody gives them any water at all."


def test_titles_of_other_pages_at_the_end_are_not_content() -> None:
    document = load("page.txt", PROSE + LINKS)
    assert blocks(document)[-1][1].startswith("Ferns need")
    assert document.text == PROSE + LINKS


def test_a_single_short_line_at_the_end_stays() -> None:
    assert blocks(load("page.txt", PROSE + "\n\nThe Fern Society"))[-1] == ("paragraph", "The Fern Society")


def test_a_text_that_is_a_list_of_names_stays() -> None:
    document = load("names.txt", "Anna Miller\n\nBert Jones\n\nCarla Smith")
    assert [text for _, text in blocks(document)] == ["Anna Miller", "Bert Jones", "Carla Smith"]


def test_markdown_keeps_the_coordinates_of_the_file() -> None:
    text = (
        "---\ntitle: 'Of nerves'\n---\n\n# Nerves\n\nA *nerve* [carries](x.html) signals.\n\n## Types ##\n\n- motor\n  fibres\n"
        "  - alpha\n- sensory\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\ncode here\n```\n\nSetext\n------\n\n### Why?\n\nBecause.\n"
        "\n**Is it so?**\n\nYes.\n\n- [Home](/)\n- [About](/about)\n"
    )
    document = load("a.md", text)
    assert (document.title, document.text) == ("Of nerves", text)
    assert blocks(document) == [
        ("heading", "# Nerves"),
        ("paragraph", "A *nerve* [carries](x.html) signals."),
        ("heading", "## Types ##"),
        ("item", "- motor\n  fibres"),
        ("item", "- alpha"),
        ("item", "- sensory"),
        ("table", "| a | b |\n|---|---|"),
        ("table", "| 1 | 2 |"),
        ("code", "```\ncode here\n```"),
        ("heading", "Setext\n------"),
        ("question", "### Why?"),
        ("paragraph", "Because."),
        ("question", "**Is it so?**"),
        ("paragraph", "Yes."),
    ]


def test_only_the_main_content_of_a_web_page_is_read() -> None:
    document = load(
        "page.html",
        "<!DOCTYPE html><title>Site | Nerves</title><header><a href=/>Home</a></header><nav><a href=a>Menu</a></nav><main>"
        "<h1>Nerves</h1><script>evil()</script><style>p{}</style><p>A nerve&nbsp;<b>carries</b>\n signals &lt;fast&gt;.<br>Yes.</p>"
        "<p style='display: none'>hidden</p><div hidden>also hidden</div><ul><li>motor</li><li>sensory</li></ul>"
        "<table><tr><th>a<th>b</tr><tr><td>1<td>2</tr></table><h2>Why?</h2><div>Because <i>so</i>.</div><pre>x  =\n 1</pre>"
        "<ul><li><a href=1>One</a></li><li><a href=2>Two</a></li><li><a href=3>Three</a></li></ul></main><footer>Imprint</footer>",
    )
    assert document.title == "Nerves"
    assert blocks(document) == [
        ("heading", "Nerves"),
        ("paragraph", "A nerve\u00a0carries signals <fast>.\nYes."),
        ("item", "motor"),
        ("item", "sensory"),
        ("table", "a | b"),
        ("table", "1 | 2"),
        ("question", "Why?"),
        ("paragraph", "Because so."),
        ("code", "x  =\n 1"),
    ]


def test_deeply_nested_pages_are_read() -> None:
    assert load("deep.html", "<div>" * 20_000 + "Nerves grow." + "</div>" * 20_000).text == "Nerves grow."


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=400), st.sampled_from([".txt", ".md", ".html"]))
def test_any_text_is_read_or_refused_with_a_reason(text: str, suffix: str) -> None:
    try:
        document = load("any" + suffix, text)
    except UnreadableFile as error:
        assert str(error)
        return
    end = 0
    for block in document.blocks:
        assert end <= block.span.start < block.span.end <= len(document.text)
        end = block.span.end
    if suffix != ".html" and "\0" not in text:  # with a zero byte it may be taken for UTF-16
        assert document.text == text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def test_the_title_comes_from_the_file_name_if_there_is_no_other() -> None:
    assert load("care/after_nerve-repair.txt", "keep it dry.").title == "After nerve repair"


def test_an_unknown_format_is_refused_with_the_supported_ones() -> None:
    with pytest.raises(UnreadableFile, match=r"\.xyz is not known; supported formats: .*\.md"):
        load("a.xyz", "text")


def test_a_corpus_has_no_hidden_files_and_no_links_that_lead_outside(tmp_path: Path) -> None:
    corpus = tmp_path / "corpus"
    (corpus / "sub").mkdir(parents=True)
    (corpus / ".git").mkdir()
    for name in ("b.txt", "sub/a.md", ".hidden.txt", ".git/x.txt"):
        (corpus / name).write_text("text")
    (tmp_path / "secret.txt").write_text("secret")
    (corpus / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert corpus_files(corpus) == ["b.txt", "sub/a.md"]
    with pytest.raises(CorpusError, match="does not exist"):
        corpus_files(tmp_path / "none")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs permissions that apply")
def test_a_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.txt").chmod(0)
    with pytest.raises(UnreadableFile, match="cannot be opened"):
        read_bytes(tmp_path, "a.txt")


def test_a_few_non_ascii_characters_are_western() -> None:
    """On its own, charset-normalizer takes µ and ° between English words for Japanese."""
    text = "The usual dose is 100 µg at 37 °C ± 1. " + "The nerve was sewn and the hand was splinted. " * 20
    assert decode(text.encode("cp1252")) == text


def test_one_broken_byte_does_not_change_the_rest() -> None:
    text = "It’s the nerve’s “sheath” – naïve. " * 5
    assert decode(text.encode() + b"\xff end") == text + "\ufffd end"


@pytest.mark.parametrize("charset", ["iso-8859-1", "ascii", "undefined", "nonsense"])
def test_declared_encodings_are_interpreted_as_in_browsers(charset: str) -> None:
    page = f"<meta charset={charset}><p>“Quoted” nerve</p>".encode("cp1252")
    assert load_document("page.html", page).text == "“Quoted” nerve"


def test_a_rule_at_the_top_is_not_front_matter() -> None:
    document = load("a.md", "---\nNot front matter.\n\nText that matters.\n\n---\n\nMore.\n")
    assert "Text that matters." in [text for _, text in blocks(document)]
    assert load("a.md", "---\ntitle:\n---\n\nText.\n").title == "A"


def test_html_in_markdown_is_content_if_it_has_text() -> None:
    document = load("a.md", "# T\n\n<div>\nSome text.\n</div>\n\n<!-- a comment -->\n\n<script>code()</script>\n\n<hr>\n\nEnd.\n")
    assert blocks(document)[1:] == [("paragraph", "Some text."), ("paragraph", "End.")]


def test_hidden_parts_of_rows_and_code_are_left_out() -> None:
    document = load(
        "a.html",
        "<table><tr><td>Nerve<script>x()</script><td>Radial <nav>menu</nav><span style='display:none'>HIDDEN</span></table>"
        "<pre>a<script>alert(1)</script></pre>",
    )
    assert blocks(document) == [("table", "Nerve | Radial"), ("code", "a")]


def test_blocks_within_headings_items_and_forms() -> None:
    document = load("a.html", "<form><h2><div>Heading</div></h2><ul><li><p>One.</p><li><p>Two.</p></ul><p>Text.<input></form>")
    assert blocks(document) == [("heading", "Heading"), ("item", "One."), ("item", "Two."), ("paragraph", "Text.")]


def test_a_folder_that_cannot_be_listed_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost network drive must not look like a corpus from which everything was removed."""
    (tmp_path / "sub").mkdir()
    real = os.scandir

    def scandir(path: str) -> object:
        if str(path).endswith("sub"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(CorpusError, match="sub cannot be listed"):
        corpus_files(tmp_path)


def test_tags_around_html_in_markdown_are_not_content() -> None:
    document = load(
        "a.md",
        'Before.\n\n<div align="center">\n  <b>Only the text.</b>\n</div>\n\n<!-- note -->\n\n<img src="x.png">\n\nAfter.\n',
    )
    assert blocks(document) == [("paragraph", "Before."), ("paragraph", "Only the text."), ("paragraph", "After.")]
