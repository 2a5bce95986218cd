"""axe-core finds no fault in any state of the page, and nothing is wider than the screen."""

from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import CHROMIUM, ask

axe = pytest.importorskip("axe_playwright_python.base", reason="axe-core comes with axe-playwright-python: pip install it")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: install it for the browser tests"),
]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page) -> list[str]:
    page.evaluate((Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8"))
    violations = page.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)["violations"]
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    lines = [f"{violation['id']}: {violation['nodes'][0]['html'][:200]}" for violation in violations]
    return lines + ([f"{wide} px too wide"] if wide > 0 else [])


@pytest.mark.parametrize(("width", "colours"), [(320, "light"), (390, "dark"), (768, "light"), (1280, "light"), (1280, "dark")])
def test_every_state_is_accessible_and_fits_the_screen(width: int, colours: Literal["light", "dark"], page: Page) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=colours, reduced_motion="reduce")
    page.reload()
    page.wait_for_selector("#welcome .example")
    faults_of = {"home": faults(page)}
    answer = ask(page, "How often should I repot my fern?")
    answer.locator(".about > summary").click()
    faults_of["answer"] = faults(page)
    answer.locator("button.cite").first.click()
    page.wait_for_selector("#source-mark")
    faults_of["source"] = faults(page)
    page.click("#source-close")
    answer.get_by_role("button", name="Not right?", exact=True).click()
    faults_of["menu"] = faults(page)
    answer.get_by_role("button", name="Show the right sentence").click()
    page.wait_for_selector(".piece")
    faults_of["choosing"] = faults(page)
    page.click("#source-cancel")
    if width < 1180:
        page.click("#desk-open")
    page.locator("#scope-list input").first.check()
    faults_of["conversations"] = faults(page)
    if width < 1180:
        page.click("#desk-close")
    ask(page, "Who won the football world cup in 2018?")
    faults_of["refusal"] = faults(page)
    for tab, sign in (
        ("Documents", "#listed table"),
        ("Review", "#changes-title"),
        ("Evaluation", "#set"),
        ("Help", "#facts dd"),
    ):
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_selector(sign)
        faults_of[tab] = faults(page)
    assert [f"{state}: {line}" for state, lines in faults_of.items() for line in lines] == []
