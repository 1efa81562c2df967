"""Sends REQUESTS requests to the demo frontend, one every INTERVAL_SECONDS."""

import itertools
import os
import time
import urllib.error
import urllib.request

FRONTEND_URL = os.environ["FRONTEND_URL"]
REQUESTS = int(os.environ["REQUESTS"])
INTERVAL_SECONDS = float(os.environ["INTERVAL_SECONDS"])
PATHS = itertools.cycle(["/", "/hello", "/calculate", "/order", "/order", "/calculate", "/hello", "/error"])


def status(path):
    """Returns the HTTP status, which may well be an error; raises OSError without an answer."""
    try:
        with urllib.request.urlopen(FRONTEND_URL + path, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


unanswered = 0
for path in itertools.islice(PATHS, REQUESTS):
    try:
        print(path, status(path), flush=True)
    except OSError as error:
        unanswered += 1
        print(path, error, flush=True)
    time.sleep(INTERVAL_SECONDS)
if unanswered == REQUESTS:
    raise SystemExit(f"{FRONTEND_URL} answered none of {REQUESTS} requests")
