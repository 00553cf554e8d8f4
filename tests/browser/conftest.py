"""A headless Chromium, and pages opened in it from the file system, as a reader would."""

from __future__ import annotations

import importlib.util
import os
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright import sync_api

#: Only the tox env browser has a browser; everywhere else there is nothing to test here.
collect_ignore_glob = [] if importlib.util.find_spec("playwright") else ["test_*.py"]
#: Where npm put the browser; the tox env says so.
MODULES = os.environ.get("DENSE_CONFORMANCE_NODE_MODULES", "")
#: Prints where it unpacks the browser to. Told of that host, it unpacks the libraries that it needs as well.
UNPACK = "import chromium from '@sparticuz/chromium'; console.log(await chromium.executablePath());"
UNPACK_ALL = {"AWS_LAMBDA_JS_RUNTIME": "nodejs22.x"}


@dataclass
class Opened:
    """A page in the browser, and all that it did beside being shown: messages, errors, requests, dialogs."""

    page: sync_api.Page
    noise: list[str] = field(default_factory=list)

    def listen(self, address: str) -> None:
        self.page.on("console", lambda message: self.noise.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.noise.append(f"error: {error}"))
        self.page.on("dialog", self._dismiss)
        self.page.on("requestfinished", lambda asked: asked.url == address or self._note(asked))
        self.page.on("requestfailed", self._note)

    def _note(self, asked: sync_api.Request) -> None:
        self.noise.append(f"request: {asked.url} {asked.failure or 'was answered'}")

    def _dismiss(self, dialog: sync_api.Dialog) -> None:
        self.noise.append(f"dialog: {dialog.message}")
        dialog.dismiss()


#: Opens the text of a page; what else is given are the options of a browser's context.
Open = Callable[..., Opened]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sync_api.Browser]:
    if not MODULES:
        pytest.skip("DENSE_CONFORMANCE_NODE_MODULES names no folder with a browser; the tox env browser does")
    place = tmp_path_factory.mktemp("browser")
    command = ["node", "--input-type=module", "--eval", UNPACK]
    environment = {**os.environ, **UNPACK_ALL, "TMPDIR": str(place)}
    said = subprocess.run(
        command, cwd=Path(MODULES).parent, env=environment, capture_output=True, text=True, check=True
    ).stdout
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=said.strip(),
            args=["--no-sandbox"],  # in a container there is no user namespace to make one of
            env={**os.environ, "LD_LIBRARY_PATH": str(place / "al2023" / "lib")},
        )
        yield opened
        opened.close()


@pytest.fixture
def show(browser: sync_api.Browser, tmp_path: Path) -> Iterator[Open]:
    contexts: list[sync_api.BrowserContext] = []

    def open_(html: str, **options: object) -> Opened:
        path = tmp_path / "page.html"
        path.write_text(html, "utf-8")
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.listen(path.as_uri())
        opened.page.goto(path.as_uri())
        return opened

    yield open_
    for context in contexts:
        context.close()
