"""Asking a server: one polite client, redirects under our rules, repetition with back-off, and
words for what went wrong."""

import netrc
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeVar

import httpx
import tenacity

import epigpt
from epigpt.transport.http_answers import (
    REDIRECTS,
    Stopped,
    Trouble,
    as_trouble,
    check_status,
    lasting,
    next_request,
    unusable,
)
from epigpt.transport.rate_limit import LowestRate, Pace, TooSlow

T = TypeVar("T")
_PAGE_LIMIT = 32 * 2**20
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
            for _ in range(REDIRECTS + 1):
                assert request is not None  # noqa: S101 - `next_request` gives one or raises
                response = self._client.send(request, stream=True)
                try:
                    if not response.has_redirect_location:
                        check_status(url, response)
                        yield response
                        return
                    request = next_request(url, response)
                finally:
                    response.close()
        except httpx.InvalidURL as error:
            raise unusable(url, str(error)) from None
        except httpx.UnsupportedProtocol as error:
            raise unusable(url, str(error)) from None
        except httpx.TransportError as error:
            raise as_trouble(url, error) from None
        raise unusable(url, f"more than {REDIRECTS} redirects")

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
                        raise unusable(url, f"a listing of more than {_PAGE_LIMIT >> 20} MB")
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
                    raise lasting(url, trouble, tries, time.monotonic() - began) from None

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
