"""A small GEO on this machine that does what real servers do wrong, for the tests of the
download."""

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit

FOR_EVER = 10**6
# Against a hang: what is waited for comes long before, unless what is tested is broken.
_PATIENCE = 60.0


@dataclass
class Asked:
    """A request that came in."""

    path: str
    range: str | None
    condition: str | None
    status: int
    query: str = ""


@dataclass
class GeoServer:
    """Serves `root` with ranges, validators, conditional requests and an index per folder, each of
    which can be switched off.

    `fail(name, fault)` makes requests whose path ends in `name` go wrong: a status ("404", "503",
    "429 retry-after 1"), "reset" and "short" (half of the body, then RST or FIN), "stall" (half,
    then silence), "html", "truncated" (half, announced as all), "longer" (announces more than there
    is), "shorter" (announces less), "slow", "redirect URL", "page TEXT"; "held" (half, then a byte now
    and then, so that the client can only be stopped); "late FAULT" comes when `due` says so.
    """

    root: Path
    ranges: bool = True
    etags: bool = True
    dates: bool = True
    conditions: bool = True
    if_range: bool = True
    index: bool = True
    due: Callable[[], bool] = lambda: True
    statuses: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    _faults: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._http = _Quiet(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    @property
    def url(self) -> str:
        """The base address."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def fail(self, name: str, fault: str, times: int = FOR_EVER) -> None:
        """Make the next requests for a path that ends in `name` go wrong; further calls queue
        up."""
        self._faults.setdefault(name, []).extend([fault] * min(times, 1000))

    def count(self, name: str) -> int:
        """How often paths that end in `name` were asked for."""
        return sum(asked.path.endswith(name) for asked in self.asked)

    def next_fault(self, path: str) -> str:
        """Take the next fault for a path; empty if it is to be answered well."""
        with self._lock:
            for name, queue in self._faults.items():
                if path.endswith(name) and queue:
                    return queue.pop(0)
        return ""

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(_Handler):
            geo = server

        return Handler


def _moments() -> Iterator[None]:
    ends = time.monotonic() + _PATIENCE
    while time.monotonic() < ends:
        yield
        time.sleep(0.02)


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        pass  # connections that a test breaks off on purpose


class _Handler(BaseHTTPRequestHandler):
    geo: GeoServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        asked = Asked(
            unquote(urlsplit(self.path).path),
            self.headers.get("Range"),
            self.headers.get("If-None-Match"),
            int(code),
            urlsplit(self.path).query,
        )
        self.geo.asked.append(asked)

    def do_GET(self) -> None:
        try:
            self._answer()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _answer(self) -> None:
        address = urlsplit(self.path)
        path = unquote(address.path)
        fault = self.geo.next_fault(path)
        if fault.startswith("late "):
            for _ in _moments():
                if self.geo.due():
                    break
            fault = fault.removeprefix("late ")
        word, _, rest = fault.partition(" ")
        if word.isdigit():
            wait = rest.removeprefix("retry-after ") if rest else ""
            self._send(int(word), b"trouble", {"Retry-After": wait} if wait else {})
        elif word == "redirect":
            self._send(302, b"", {"Location": rest})
        elif word in {"html", "page"}:
            self._send(
                200,
                f"<!DOCTYPE html><html><title>Please &lt;wait&gt;</title><body>{rest}</body></html>".encode(),
            )
        elif path.endswith("/query/acc.cgi"):
            page = self.geo.statuses.get(parse_qs(address.query)["acc"][0])
            self._send(200, page.encode()) if page is not None else self._send(404, b"")
        elif (target := self.geo.root / path.lstrip("/")).is_dir():
            self._index(target, path)
        elif target.is_file():
            self._file(target, word)
        else:
            self._send(404, b"<html>not found</html>")

    def _index(self, target: Path, path: str) -> None:
        if not self.geo.index:
            self._send(403, b"")
            return
        links = [
            f'<a href="{escape(entry.name)}">{escape(entry.name)}</a>'
            for entry in sorted(target.iterdir())
        ]
        outside = [
            '<a href="../">Parent Directory</a>',
            '<a href="?C=N;O=D">Name</a>',
            '<a href="https://www.hhs.gov/GSE1_x.csv">HHS</a>',
        ]
        self._send(
            200, f"<html><body><pre>{'<br>'.join(outside + links)}</pre></body></html>".encode()
        )

    def _file(self, target: Path, fault: str) -> None:
        body = target.read_bytes()
        headers = {}
        if self.geo.etags:
            headers["ETag"] = f'"{sha256(body).hexdigest()[:12]}"'
        if self.geo.dates:
            headers["Last-Modified"] = formatdate(target.stat().st_mtime, usegmt=True)
        known = headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]
        known = known or (
            headers.get("Last-Modified")
            and self.headers.get("If-Modified-Since") == headers["Last-Modified"]
        )
        if known and self.geo.conditions:
            self._send(304, b"", headers)
            return
        if fault == "truncated":
            body = body[: len(body) // 2]
        start = self._range_start(headers)
        if start is None:
            self._send(200, body, headers, fault)
        elif start >= len(body):
            self._send(416, b"", headers | {"Content-Range": f"bytes */{len(body)}"})
        else:
            self._send(
                206,
                body[start:],
                headers | {"Content-Range": f"bytes {start}-{len(body) - 1}/{len(body)}"},
                fault,
            )

    def _range_start(self, headers: dict[str, str]) -> int | None:
        asked = self.headers.get("Range")
        if not self.geo.ranges or asked is None:
            return None
        if (
            self.geo.if_range
            and (condition := self.headers.get("If-Range"))
            and condition not in headers.values()
        ):
            return None
        return int(asked.removeprefix("bytes=").rstrip("-"))

    def _send(
        self, status: int, body: bytes, headers: dict[str, str] | None = None, fault: str = ""
    ) -> None:
        announced = len(body) + {"longer": 100, "shorter": -len(body) // 3}.get(fault, 0)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(announced))
        self.end_headers()
        half = len(body) // 2
        if fault in {"reset", "short", "stall"}:
            self.wfile.write(body[:half])
            self.wfile.flush()
            if fault == "stall":
                time.sleep(3)
            if fault == "reset":
                time.sleep(0.05)  # let what was sent arrive before the reset discards it
                self.connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
                )
                self.connection.close()
            self.close_connection = True
        elif fault == "held":
            self.wfile.write(body[:half])
            for sent, _ in enumerate(_moments(), half):
                self.wfile.write(body[sent : sent + 1])
            self.close_connection = True
        elif fault == "slow":
            for begin in range(0, len(body), 2**14):
                self.wfile.write(body[begin : begin + 2**14])
                time.sleep(0.02)
        else:
            self.wfile.write(body if fault != "shorter" else body[:announced])
            if fault in {"longer", "shorter"}:
                self.close_connection = True
