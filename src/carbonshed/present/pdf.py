"""The report as PDF, printed by an installed Chromium or Chrome: the same pages as *Print* in a browser, with embedded fonts."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from carbonshed.checks import refuse

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
FLAGS = (
    "--headless", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--disable-quic", "--no-pdf-header-footer",
)  # fmt: skip
SECONDS = 180
"""Longest time a browser may take; it needs a few seconds for a hundred pages."""


def find_browser() -> str | None:
    """Path of the first Chromium-like browser on the PATH, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def print_pdf(page: Path, pdf: Path) -> Path:
    """Print an HTML file to PDF.

    Parameters
    ----------
    page : Path
        A page that needs nothing from a network.
    pdf : Path
        Where to write; a file of that name is replaced when the new one is whole.

    Raises
    ------
    InputError
        If there is no such browser, or it prints nothing; the message says how to print by hand.
    """
    browser = find_browser()
    by_hand = f"Open {page} in any browser and print it to PDF (A4)."
    if browser is None:
        raise refuse(
            "no_browser", expected="Chromium or Chrome, which prints the PDF", got="none on the PATH", where="report --pdf", fix=by_hand
        )
    part = pdf.with_name(f".{pdf.stem}.{os.getpid()}.part.pdf")
    try:
        with tempfile.TemporaryDirectory(prefix="carbonshed-", ignore_cleanup_errors=True) as profile:
            inside = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []  # a browser run by root has no sandbox
            command = [browser, *FLAGS, *inside, f"--user-data-dir={profile}", f"--print-to-pdf={part}", page.resolve().as_uri()]
            code, told = _run(command)
        if code != 0 or not part.is_file() or part.read_bytes()[:5] != b"%PDF-":
            said = (told.strip().splitlines() or ["nothing"])[-1]
            raise refuse("no_pdf", expected="a PDF", got=f"exit {code}: {said}", where=browser, fix=by_hand)
        return part.replace(pdf)
    finally:
        part.unlink(missing_ok=True)


def _run(command: list[str]) -> tuple[int | None, str]:
    """Exit code and stderr of a browser, None where it took too long; it and all its children end with the caller, cancelled or not."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) as child:
        try:
            _, told = child.communicate(timeout=SECONDS)
            return child.returncode, told
        except subprocess.TimeoutExpired:
            return None, f"not done after {SECONDS} s"
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)  # in a session of its own the children are of its group
