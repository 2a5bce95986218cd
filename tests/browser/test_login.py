"""Signing in, asking and signing out in a real browser, below a path prefix as behind a reverse proxy."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.test_page import pytestmark  # noqa: F401 - slow, and skipped without Chromium
from tests.serving import PASSWORD, served, two_users, word_chat


def test_sign_in_ask_and_sign_out(browser: Browser, corpus: Path, tmp_path: Path) -> None:
    two_users(tmp_path / "users.json")
    with served(word_chat(corpus, tmp_path, prefix="/ask")) as (host, port):
        context = browser.new_context()
        page = context.new_page()
        page.goto(f"http://{host}:{port}/ask/")
        assert page.url.endswith("/ask/login")
        page.fill("input[name=name]", "rita")
        page.fill("input[name=password]", "wrong password")
        page.click("button")
        assert page.inner_text("[role=alert]") == "Name or password is wrong."
        page.fill("input[name=name]", "rita")
        page.fill("input[name=password]", PASSWORD)
        page.click("button")
        page.wait_for_selector("#welcome")
        page.fill("#question textarea", "Are ferns toxic to cats?")
        page.keyboard.press("Enter")
        page.click("button.cite", timeout=60_000)
        page.wait_for_selector("#source-mark")
        assert page.inner_text("#source-mark") == "True ferns are safe for cats."
        assert "rag_session" not in page.evaluate("document.cookie")
        page.goto(f"http://{host}:{port}/ask/login")
        page.click("button")
        page.goto(f"http://{host}:{port}/ask/")
        assert page.url.endswith("/ask/login")
        context.close()
