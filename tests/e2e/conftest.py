"""A real browser on the real product: everything `make up` starts, on a directory of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)
from playwright.sync_api import TimeoutError as PictureTimeout

from tests.support.product import ROOT, Product, running_product

ARGUMENTS = [
    "--no-sandbox",
    "--headless=new",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ARTEFACTS = ROOT / "artefacts"
USERNAME, PASSWORD = "admin", "a-password-for-this-test"
DESKTOP, PHONE = {"width": 1440, "height": 1000}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """The product, freshly installed."""
    data_dir = tmp_path_factory.mktemp("e2e")
    with running_product(data_dir, ADMIN_PASSWORD=PASSWORD, AGENT_INTERVAL_SECONDS="2", WEB_WORKERS="1") as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    path = shutil.which("chromium")
    assert path is not None, "Chromium is missing; install the package chromium."
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield chromium
        chromium.close()


class Complaints:
    """What the browser complained about: errors in the console, uncaught exceptions, failed requests."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def watch(self, page: Page) -> None:
        """Listen to a page from now on."""
        page.on("console", self._note_console)
        page.on("pageerror", lambda error: self.found.append(f"uncaught: {error}"))
        page.on("response", self._note_response)
        page.on("requestfailed", self._note_failure)

    def _note_console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"{message.type}: {message.text}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.found.append(f"{response.status} {response.url}")

    def _note_failure(self, request: Request) -> None:
        # Leaving a page ends what it was still asking for; that is no failure.
        if request.failure != "net::ERR_ABORTED":
            self.found.append(f"{request.failure} {request.url}")


@pytest.fixture
def complaints() -> Complaints:
    """What the browser complains about during a test."""
    return Complaints()


@pytest.fixture
def open_context(browser: Browser, product: Product) -> Iterator[Callable[..., BrowserContext]]:
    """Open a window on the product: `open_context(phone=True, dark=True)`."""
    opened: list[BrowserContext] = []

    def open_one(*, phone: bool = False, dark: bool = False, state: object = None) -> BrowserContext:
        context = browser.new_context(
            base_url=product.url,
            viewport=PHONE if phone else DESKTOP,  # type: ignore[arg-type]  # a plain dictionary of the two sizes
            color_scheme="dark" if dark else "light",
            storage_state=state,  # type: ignore[arg-type]  # as another context gave it
            reduced_motion="reduce",
        )
        opened.append(context)
        return context

    yield open_one
    for context in opened:
        context.close()


def sign_in(page: Page) -> None:
    """Log in as the first administrator; ends on the home page."""
    page.goto("/")
    page.get_by_label("Username").fill(USERNAME)
    page.locator("#id_password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Home")).to_be_visible()


def take_picture(page: Page, name: str) -> Path:
    """Keep a picture of the whole page in artefacts/, for people to look at; nothing may stick out at the side."""
    ARTEFACTS.mkdir(exist_ok=True)
    path = ARTEFACTS / f"{name}.png"
    width = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert width[0] <= width[1], f"{name}: the page is {width[0]} px wide in a window of {width[1]} px"
    try:
        page.screenshot(path=path, full_page=True, timeout=20_000)
    except PictureTimeout:
        # On a busy machine the browser now and then waits for a frame that it never draws; asked again, it draws one.
        page.bring_to_front()
        page.screenshot(path=path, full_page=True, timeout=60_000)
    return path
