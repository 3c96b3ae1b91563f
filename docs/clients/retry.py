"""Asks a model through the proxy and comes back when it is refused.

Needs Python 3.9 and its standard library; `post` is made to be copied.

    python3 docs/clients/retry.py "why is the sky blue"
"""

from __future__ import annotations

import argparse
import email.utils
import json
import math
import os
import random
import sys
import time
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from typing import Callable, Iterator, Mapping, Optional

WORTH_ANOTHER_TRY = frozenset({502, 503, 504})


class CallFailed(Exception):
    """The last failure of a call. `status`: 0 when the connection was refused."""

    def __init__(self, message: str, status: int, retryable: bool, asked_s: float) -> None:
        super().__init__(message)
        self.status = status
        self.retryable = retryable
        self.asked_s = asked_s


def post(
    url: str,
    body: object,
    *,
    tries: int = 5,
    base_s: float = 0.5,
    longest_s: float = 30.0,
    total_s: float = 120.0,
    timeout_s: float = 330.0,
    on_retry: Optional[Callable[[int, float, str], None]] = None,
) -> HTTPResponse:
    """Posts JSON until the answer is a 2xx, whose body is still unread then: nothing is repeated once it has begun.

    tries: attempts in all. base_s: the longest first back-off, doubled each time up to longest_s.
    total_s: no wait is begun that would end later than this after the first attempt.
    timeout_s: seconds without a byte; above the proxy's request_timeout, or we leave the line just before our turn.
    on_retry: told before each wait: the attempt that failed (1 is the first), the seconds, the reason.
    Raises CallFailed when patience is at its end or another try is of no use, and other OSErrors as they are.
    """
    started = time.monotonic()
    attempt = 1
    while True:
        try:
            return _send(url, body, timeout_s)
        except CallFailed as failed:
            if not failed.retryable or attempt >= tries:
                raise
            # Full jitter: clients that were refused together do not come back together.
            backoff_s = random.uniform(0, min(longest_s, base_s * 2 ** (attempt - 1)))
            wait_s = max(failed.asked_s, backoff_s)
            if time.monotonic() - started + wait_s > total_s:
                raise
            if on_retry:
                on_retry(attempt, wait_s, str(failed))
        time.sleep(wait_s)
        attempt += 1


def _send(url: str, body: object, timeout_s: float) -> HTTPResponse:
    headers = {"Content-Type": "application/json"}
    key = os.environ.get("OLLAMA_API_KEY")  # where the operator hands out keys
    if key:
        headers["Authorization"] = f"Bearer {key}"
    request = urllib.request.Request(url, data=json.dumps(body).encode(), headers=headers)
    try:
        return urllib.request.urlopen(request, timeout=timeout_s)
    except urllib.error.HTTPError as answer:
        with answer:
            reason = _describe(answer.read())
            retryable = answer.code in WORTH_ANOTHER_TRY and answer.headers.get("x-should-retry") != "false"
            raise CallFailed(
                f"{answer.code} {reason}", answer.code, retryable, asked_wait_s(answer.headers)
            ) from None
    except urllib.error.URLError as error:
        # Only a refused connection is sure not to have brought the call to anybody.
        if not isinstance(error.reason, ConnectionRefusedError):
            raise
        raise CallFailed(f"nobody listens at {url}", 0, True, 0.0) from None


def asked_wait_s(headers: Mapping[str, str], now: Optional[float] = None) -> float:
    """Seconds that the headers ask for: the longest of all they say, 0 when they say nothing that can be read."""
    after = headers.get("retry-after") or ""
    asked = [_number(headers.get("retry-after-ms") or "") / 1000, _number(after)]
    try:
        asked.append(email.utils.parsedate_to_datetime(after).timestamp() - (time.time() if now is None else now))
    except (TypeError, ValueError, IndexError):
        pass  # seconds, or nothing
    return max(0.0, *asked)


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) else 0.0


def _describe(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    try:
        answer = json.loads(text)
        if isinstance(answer["error"], str):
            return answer["error"]
    except (ValueError, TypeError, KeyError):
        pass  # a program between us and the proxy may answer in words of its own
    return text[:200]


def generate(url: str, model: str, prompt: str, **patience) -> Iterator[str]:
    """The pieces of a model's answer. `url`: of the proxy, without a path. `patience`: as of post().

    Raises RuntimeError when it breaks off, and does not ask again: a part has been read already.
    """
    with post(f"{url}/api/generate", {"model": model, "prompt": prompt}, **patience) as response:
        for line in response:
            try:
                part = json.loads(line)
            except ValueError:
                raise RuntimeError("the answer broke off in the middle of a line") from None
            if "error" in part:
                raise RuntimeError(part["error"])
            if part.get("response"):
                yield part["response"]
            if part.get("done"):
                return
    # http.client takes a connection that was cut for the end of the answer: only "done" tells.
    raise RuntimeError("the answer ended before it was complete")


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number")
    return int(text)


def main() -> int:
    """Exit code: 0 answered, 1 not answered, 2 wrong use."""
    parser = argparse.ArgumentParser(description="Asks a model, and asks again when it is refused.")
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--model", default="llama3.2")
    parser.add_argument("--tries", type=_count, default=5)
    parser.add_argument("--base-ms", type=_count, default=500)
    parser.add_argument("--total-ms", type=_count, default=120_000)
    parser.add_argument("prompt")
    asked = parser.parse_args()

    def tell(attempt: int, wait_s: float, reason: str) -> None:
        print(f"attempt {attempt}: {reason} Again in {wait_s:.3f} s.", file=sys.stderr)

    try:
        for piece in generate(
            asked.url.rstrip("/"),
            asked.model,
            asked.prompt,
            tries=asked.tries,
            base_s=asked.base_ms / 1000,
            total_s=asked.total_ms / 1000,
            on_retry=tell,
        ):
            print(piece, end="", flush=True)
        print()
        return 0
    except (CallFailed, RuntimeError, OSError, HTTPException, ValueError) as error:  # ValueError: not a URL
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1


if __name__ == "__main__":
    sys.exit(main())
