"""Asking a server: one polite client, redirects under our rules, repetition with back-off, and
words for what went wrong."""

import netrc
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import httpx
import tenacity

import epigpt
from epigpt.errors import InputError
from epigpt.geo.rate_limit import LowestRate, Pace, TooSlow

T = TypeVar("T")
_TEMPORARY = frozenset({408, 425, 429})
_REDIRECTS = 5
_PAGE_LIMIT = 32 * 2**20
# Longest pause that a server may ask for before the download gives up and says so.
_LONGEST_PAUSE = 300.0
_LONGEST_BACKOFF = 60.0
# A round of tries that brought less than this counts as no progress, so that a transfer that always
# breaks ends.
_PROGRESS = 2**20


@dataclass(frozen=True)
class Connection:
    """How to ask a server; the fields of `geo` in the settings, and limits that no user needs to
    change."""

    retries: int = 5
    backoff_seconds: float = 1.0
    timeout_seconds: float = 60.0
    requests_per_second: float = 3.0
    parallel_files: int = 4


class NotServed(Exception):
    """The server says that it has no such file (404, 410) or does not hand it out (401, 403)."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"HTTP {status} for {url}")
        self.url = url
        self.status = status


class Trouble(Exception):
    """A passing fault: server errors, a reset, silence, a short read."""

    def __init__(self, what: str, pause: float = 0.0) -> None:
        super().__init__(what)
        self.pause = pause


class Stopped(Exception):
    """Another file has failed; what is here so far is kept."""


class Remote:
    """A server and the rules for asking it; safe to use from several threads.

    Parameters
    ----------
    connection
        Limits and patience.
    """

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.stop = threading.Event()
        self._pace = Pace(connection.requests_per_second)
        self._client = httpx.Client(
            timeout=connection.timeout_seconds,
            follow_redirects=False,
            headers={"User-Agent": f"EpiGPT/{epigpt.__version__}", "Accept-Encoding": "identity"},
            auth=_credentials(),
            event_hooks={"request": [self._wait_for_turn]},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def _wait_for_turn(self, request: httpx.Request) -> None:
        if self.stop.wait(self._pace.reserve(request.url.host)):
            raise Stopped

    @contextmanager
    def open(self, url: str, headers: dict[str, str] | None = None) -> Iterator[httpx.Response]:
        """Ask once and give the answer with its body unread: status 200, 206, 304 or 416.

        Raises
        ------
        NotServed
            401, 403, 404, 410.
        Trouble
            408, 425, 429, 5xx, or a connection that fails; also while the body is read.
        InputError
            A redirect that is not followed, an address that is none, a certificate that is not
            trusted, any other status.
        """
        try:
            request: httpx.Request | None = self._client.build_request("GET", url, headers=headers)
            for _ in range(_REDIRECTS + 1):
                assert request is not None  # noqa: S101 - `_next_request` gives one or raises
                response = self._client.send(request, stream=True)
                try:
                    if not response.has_redirect_location:
                        _check_status(url, response)
                        yield response
                        return
                    request = _next_request(url, response)
                finally:
                    response.close()
        except httpx.InvalidURL as error:
            raise _unusable(url, str(error)) from None
        except httpx.UnsupportedProtocol as error:
            raise _unusable(url, str(error)) from None
        except httpx.TransportError as error:
            raise _as_trouble(url, error) from None
        raise _unusable(url, f"more than {_REDIRECTS} redirects")

    def text(self, url: str) -> str:
        """Fetch a page, with repetition.

        Raises
        ------
        NotServed
            There is no such page.
        InputError
            Trouble that lasts, or a page beyond all measure.
        """

        def once() -> str:
            with self.open(url) as response:
                body = bytearray()
                rate = LowestRate()
                for chunk in response.iter_bytes():
                    count_bytes(rate, chunk)
                    body += chunk
                    if len(body) > _PAGE_LIMIT:
                        raise _unusable(url, f"a listing of more than {_PAGE_LIMIT >> 20} MB")
                return body.decode("utf-8", errors="replace")

        return self.persistently(url, once)

    def persistently(
        self, url: str, action: Callable[[], T], progress: Callable[[], int] = lambda: 0
    ) -> T:
        """Repeat `action` after `Trouble`, waiting longer each time; tries that got further do not
        count against the limit.

        Parameters
        ----------
        url
            For the message.
        action
            One try.
        progress
            Bytes here so far.
        """
        tries = 0

        def counted() -> T:
            nonlocal tries
            tries += 1
            return action()

        began = time.monotonic()
        while True:
            before = progress()
            try:
                return self._retrying()(counted)
            except Trouble as trouble:
                if self.stop.is_set():
                    raise Stopped from None
                if progress() < before + _PROGRESS:
                    raise _lasting(url, trouble, tries, time.monotonic() - began) from None

    def _retrying(self) -> tenacity.Retrying:
        first = self.connection.backoff_seconds
        backoff = tenacity.wait_exponential(
            multiplier=first, max=_LONGEST_BACKOFF
        ) + tenacity.wait_random(0, first)

        def wait(state: tenacity.RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome is not None else None
            return max(backoff(state), error.pause if isinstance(error, Trouble) else 0.0)

        return tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Trouble),
            stop=tenacity.stop_after_attempt(self.connection.retries + 1)
            | tenacity.stop_when_event_set(self.stop),
            wait=wait,
            sleep=tenacity.sleep_using_event(self.stop),
            reraise=True,
        )


def count_bytes(rate: LowestRate, chunk: bytes) -> None:
    """Count what came; `Trouble` where the server sends too slowly to ever end."""
    try:
        rate.came(len(chunk))
    except TooSlow as error:
        raise Trouble(f"too slow: {error}") from None


def _credentials() -> httpx.Auth | None:
    """Take passwords for mirrors from ~/.netrc, where each belongs to one host; an unreadable file
    has none."""
    try:
        return httpx.NetRCAuth()
    except (OSError, netrc.NetrcParseError):
        return None


def _next_request(url: str, response: httpx.Response) -> httpx.Request:
    """Follow a redirect within http and https; never to a file, never from https to http."""
    target = response.headers.get("location", "")
    shown = "".join(character if character.isprintable() else "?" for character in target)[:200]
    try:
        # httpx resolves a relative target, and refuses other schemes with an error that does not
        # name the target.
        request = response.next_request
        scheme = request.url.scheme if request is not None else urlsplit(target).scheme
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        request, scheme = None, "other"
    if request is None or scheme not in {"http", "https"} or not request.url.host:
        raise _unusable(url, f"the server redirects to '{shown}'; only http and https are followed")
    if response.url.scheme == "https" and scheme == "http":
        raise _unusable(
            url,
            f"the server redirects from https to '{shown}', where the transfer would not be"
            " protected",
        )
    return request


def _check_status(url: str, response: httpx.Response) -> None:
    status = response.status_code
    if status in {200, 206, 304, 416}:
        return
    if status in {401, 403, 404, 410}:
        raise NotServed(url, status)
    if status in _TEMPORARY or status >= 500:
        pause = retry_after(response.headers.get("retry-after", ""), datetime.now(UTC))
        if pause > _LONGEST_PAUSE:
            raise InputError(
                f"HTTP {status}, to be asked again in {pause:.0f} s",
                url,
                f"a download waits at most {_LONGEST_PAUSE:.0f} s",
                "run the same command again later; files that are here already are kept",
            )
        raise Trouble(f"HTTP {status} {response.reason_phrase}".strip(), pause)
    raise _unusable(url, f"the server answers HTTP {status} {response.reason_phrase}".strip())


def retry_after(value: str, now: datetime) -> float:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3); 0 for anything else."""
    text = value.strip()
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return 0.0
    return max(
        0.0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    )


def _as_trouble(url: str, error: httpx.TransportError) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return InputError(
                f"an untrusted certificate ({cause.verify_message or 'verification failed'})",
                url,
                "the server cannot prove who it is",
                "behind a proxy of your institution set SSL_CERT_FILE to its certificates",
            )
        cause = cause.__cause__ or cause.__context__
    words = {
        httpx.ConnectTimeout: "no connection within the time limit",
        httpx.ReadTimeout: "no data within the time limit",
        httpx.ConnectError: "no connection",
        httpx.RemoteProtocolError: "the connection ended early",
        httpx.ReadError: "the connection was reset",
    }
    what = words.get(type(error), type(error).__name__)
    return Trouble(f"{what} ({error})" if str(error) else what)


def _unusable(url: str, why: str) -> InputError:
    return InputError("an answer that is not usable", url, why, "check geo.base_url")


def _lasting(url: str, trouble: Trouble, tries: int, seconds: float) -> InputError:
    unreachable = str(trouble).startswith("no connection")
    remedy = "run the same command again later: it continues with what is here already"
    if unreachable:
        remedy = (
            "check the network, HTTPS_PROXY and geo.base_url, then run the same command again: it"
            " continues with what is here already"
        )
    return InputError(
        f"server trouble: {trouble}",
        url,
        f"{tries} tries in {seconds:.0f} s all failed (geo.retries, geo.backoff_seconds)",
        remedy,
    )
