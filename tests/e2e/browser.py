"""A real browser, pages on origins of their own, and an upstream that has a mind of its own about other origins."""

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
REQUIRED = "PENSTOCK_TEST_BROWSER"
"""Set to `required` where a missing browser must fail the tests instead of skipping them."""
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-proxy-server",
)


@contextmanager
def launched_browser() -> Iterator[Browser]:
    """A browser that is installed on this machine; skips the tests, or fails them where it is required."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        missing = f"no browser is installed: none of {', '.join(NAMES)} is on PATH"
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(missing)
        pytest.skip(missing)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Seen:
    """What an upstream was sent, as `METHOD path`; `released` lets its stream of events go on."""

    port: int = 0
    requests: list[str] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def permissive_upstream() -> Iterator[Seen]:
    """Runs an upstream that would let every origin do everything. Below `/events` it streams two events, the second
    one when it is released."""
    seen = Seen()

    class Handler(_Quiet):
        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", "0")))
            seen.requests.append(f"{self.command} {self.path}")
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", self.headers.get("Origin", "*"))
            self.send_header("Access-Control-Allow-Methods", "PUT, DELETE")
            self.send_header("Access-Control-Allow-Headers", "x-custom")
            self.send_header("X-Total", "7")
            self.send_header("X-Secret", "8")
            if self.path.endswith("/events"):
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(b"data: first\n\n")
                seen.released.wait(30)
                self.wfile.write(b"data: second\n\n")
                self.close_connection = True
            else:
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

    with _served(Handler) as seen.port:
        try:
            yield seen
        finally:
            seen.released.set()


@contextmanager
def page_origin() -> Iterator[str]:
    """Serves an empty page; yields its origin. The page `/sandboxed` has the origin `null` instead."""

    class Handler(_Quiet):
        def answer(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            if self.path == "/sandboxed":
                self.send_header("Content-Security-Policy", "sandbox allow-scripts")
            self.send_header("Content-Length", "15")
            self.end_headers()
            self.wfile.write(b"<!doctype html>")

    with _served(Handler) as port:
        yield f"http://localhost:{port}"


class _Quiet(BaseHTTPRequestHandler):
    """Answers every method alike."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        raise NotImplementedError

    def do_GET(self) -> None:
        self.answer()

    do_PUT = do_DELETE = do_OPTIONS = do_GET

    def log_message(self, format: str, *args: object) -> None:
        """Keeps quiet."""


@contextmanager
def _served(handler: type[_Quiet]) -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
