"""What an answer over HTTP, or none, means: try again, go elsewhere, or tell the user."""

import re
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import httpx

from epigpt.errors import InputError

_TEMPORARY = frozenset({408, 425, 429})
REDIRECTS = 5
# Longest pause that a server may ask for before the download gives up and says so.
_LONGEST_PAUSE = 300.0


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


def next_request(url: str, response: httpx.Response) -> httpx.Request:
    """Follow a redirect within http and https; never to a file, never from https to http."""
    target = response.headers.get("location", "")
    printable = "".join(character if character.isprintable() else "?" for character in target)[:200]
    try:
        # httpx resolves a relative target, and refuses other schemes with an error that does not
        # name the target.
        request = response.next_request
        scheme = request.url.scheme if request is not None else urlsplit(target).scheme
    except (httpx.HTTPError, httpx.InvalidURL, ValueError):
        request, scheme = None, "other"
    if request is None or scheme not in {"http", "https"} or not request.url.host:
        raise unusable(
            url, f"the server redirects to '{printable}'; only http and https are followed"
        )
    if response.url.scheme == "https" and scheme == "http":
        raise unusable(
            url,
            f"the server redirects from https to '{printable}', where the transfer would not be"
            " protected",
        )
    return request


def check_status(url: str, response: httpx.Response) -> None:
    """Raise what a status means that brings no file: `NotServed`, `Trouble`, or an `InputError`."""
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
    raise unusable(url, f"the server answers HTTP {status} {response.reason_phrase}".strip())


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


def as_trouble(url: str, error: httpx.TransportError) -> Exception:
    """Return what a failed transfer means: `Trouble`, or an `InputError` that trying again does not
    mend."""
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


def unusable(url: str, why: str) -> InputError:
    """Return the refusal of an answer that is not what GEO sends."""
    return InputError("an answer that is not usable", url, why, "check geo.base_url")


def lasting(url: str, trouble: Trouble, tries: int, seconds: float) -> InputError:
    """Return the refusal after the last try."""
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
