"""Calls the demo frontend in a trace of its own, and reads it and its logs back from TinyOlly."""

import json
import os
import secrets
import time
import urllib.parse
import urllib.request

DEADLINE = time.monotonic() + 90
FRONTEND_URL = os.environ["FRONTEND_URL"]
TINYOLLY_URL = os.environ["TINYOLLY_URL"].rstrip("/")
SERVICES = {"demo-frontend", "demo-backend"}


def get(url, **headers):
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.urlopen(request, timeout=5) as response:
        return json.load(response)


def retry(what, attempt):
    """Returns the first result of attempt(); exits when there is none before the deadline."""
    while True:
        try:
            result = attempt()
        except (OSError, ValueError) as error:
            if time.monotonic() > DEADLINE:
                raise SystemExit(f"{what}: {error}") from None
            time.sleep(1)
        else:
            print(f"{what}: ok", flush=True)
            return result


def complete(records):
    """Returns the records once both services have sent theirs."""
    missing = SERVICES - {record["service"] for record in records}
    if missing:
        raise ValueError(f"nothing from {', '.join(sorted(missing))} yet")
    return records


trace_id = secrets.token_hex(16)
traceparent = f"00-{trace_id}-{secrets.token_hex(8)}-01"
retry(
    "the frontend answers with the backend's help",
    lambda: get(FRONTEND_URL + "/calculate", traceparent=traceparent),
)
if TINYOLLY_URL:
    query = urllib.parse.urlencode({"traceId": trace_id})
    retry(
        f"{TINYOLLY_URL} has trace {trace_id} of both services",
        lambda: complete(get(f"{TINYOLLY_URL}/api/traces/{trace_id}")["spans"]),
    )
    retry(
        f"{TINYOLLY_URL} has the logs of both services",
        lambda: complete(get(f"{TINYOLLY_URL}/api/logs?{query}")["logs"]),
    )
