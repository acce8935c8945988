"""JupyterLab in a headless browser: a notebook as a student sees it, run from top to bottom."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(
    CHROMIUM is None, reason="chromium is missing: apt-get install chromium"
)

_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # no network but ours
]
_SETTINGS = {
    # all cells are drawn, so that a picture of the page shows them
    "notebook-extension/tracker": '{"windowingMode": "none", "recordTiming": false}',
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false}',
}
_CELLS = "window.jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells"
# formulas that were not set, formulas that failed, and what is wider than its frame
_RAW = r"""() => {
  const raw = [];
  for (const block of document.querySelectorAll('.jp-RenderedMarkdown, .jp-RenderedHTML')) {
    const copy = block.cloneNode(true);
    copy.querySelectorAll('code, pre, mjx-container, script, style').forEach(e => e.remove());
    const text = copy.textContent;
    for (const found of text.match(/\$[^$\n]{1,60}\$|\\(frac|psi|sigma|beta|mathrm|text)\b/g) || [])
      raw.push(found);
  }
  for (const error of document.querySelectorAll('mjx-merror, [data-mml-node="merror"]'))
    raw.push(error.textContent);
  return raw;
}"""
_CLIPPED = """() => [...document.querySelectorAll(
    '.jp-RenderedMarkdown, .jp-RenderedHTMLCommon, .jp-OutputArea-output')]
  .filter(e => e.scrollWidth > e.clientWidth + 2 && e.clientWidth > 0)
  .map(e => e.textContent.trim().slice(0, 60) + ` (${e.scrollWidth} of ${e.clientWidth})`)"""


@dataclass
class Seen:
    """What stood on the page after the run."""

    errors: list[str] = field(default_factory=list)  # of cells: exceptions
    warnings: list[str] = field(default_factory=list)  # of cells: anything on stderr
    raw_formulas: list[str] = field(default_factory=list)
    clipped: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # addresses asked for that are not ours
    executed: int = 0
    pictures: list[Path] = field(default_factory=list)


def run(folder: Path, notebook: str, pictures: Path, seconds: float = 600) -> Seen:
    """Open a notebook of a folder in JupyterLab, run all its cells and photograph it.

    Parameters
    ----------
    folder
        Where JupyterLab starts, laid out as a student has it.
    notebook
        File name of the notebook.
    pictures
        Folder for the screenshots, one PNG for each 1,800 pixels of the page.
    seconds
        Longest time that the cells may take.
    """
    with lab(folder, pictures / "settings") as address, page(address, notebook) as (view, outside):
        seen = Seen(outside=outside)
        # the answer is awaited by polling: one long call would meet the browser's own time limit
        view.evaluate(
            "() => { window.jupyterapp.commands.execute('notebook:run-all-cells')"
            ".finally(() => { window.ran = true; }); }"
        )
        view.wait_for_function("() => window.ran === true", timeout=seconds * 1000)
        view.wait_for_timeout(2000)  # formulas and pictures are drawn
        _read(view, seen)
        seen.pictures = photograph(view, pictures, Path(notebook).stem)
    return seen


@contextmanager
def lab(folder: Path, settings: Path) -> Iterator[str]:
    """A JupyterLab server of its own on a folder; gives its address."""
    for name, text in _SETTINGS.items():
        path = settings / "user-settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    port = _free_port()
    options = [
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--ServerApp.token=",
        "--ServerApp.password=",
        f"--ServerApp.root_dir={folder}",
        "--LabApp.expose_app_in_browser=True",
        "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        f"--LabApp.user_settings_dir={settings / 'user-settings'}",
        f"--LabApp.workspaces_dir={settings / 'workspaces'}",
        "--no-browser",
        "--allow-root",
    ]
    folders = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    own = {name: str(settings / name.lower()) for name in folders}
    with (settings / "server.log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=folder,
            env={**os.environ, **own, "OPENBLAS_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/api/status", server, settings / "server.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


@contextmanager
def page(address: str, notebook: str) -> Iterator[tuple[Any, list[str]]]:
    """A notebook open in a browser without network, and the list of foreign addresses it asks."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_FLAGS)
        view = browser.new_page(viewport={"width": 1280, "height": 1000})
        outside: list[str] = []
        view.on("request", lambda request: _note_foreign(request.url, outside))
        view.goto(f"{address}/lab/tree/{notebook}", timeout=120_000)
        ready = "() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel"
        view.wait_for_function(ready, timeout=120_000)
        view.evaluate("() => window.jupyterapp.shell.collapseLeft()")
        try:
            yield view, outside
        finally:
            browser.close()


def photograph(view: Any, folder: Path, name: str, height: int = 1800) -> list[Path]:
    """The whole notebook in pictures of a certain height."""
    folder.mkdir(parents=True, exist_ok=True)
    cells = view.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-WindowedPanel-outer").first
    whole = cells.evaluate("e => e.scrollHeight")
    view.set_viewport_size({"width": 1280, "height": height + 120})
    view.wait_for_timeout(500)
    paths = []
    for number, top in enumerate(range(0, whole, height), start=1):
        cells.evaluate("(e, top) => e.scrollTo(0, top)", top)
        view.wait_for_timeout(300)
        paths.append(folder / f"{name}-{number:02}.png")
        cells.screenshot(path=paths[-1])
    return paths


def _read(view: Any, seen: Seen) -> None:
    for cell in view.evaluate(_CELLS):
        seen.executed += cell.get("execution_count") is not None
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                seen.errors.append(f"{output['ename']}: {output['evalue']}")
            elif output.get("name") == "stderr":
                seen.warnings.append("".join(output["text"]))
    seen.raw_formulas = view.evaluate(_RAW)
    seen.clipped = view.evaluate(_CLIPPED)


def _note_foreign(url: str, outside: list[str]) -> None:
    parts = urlsplit(url)
    if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
        outside.append(url)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for(address: str, server: subprocess.Popen, log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
