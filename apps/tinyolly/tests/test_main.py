"""The program as it is started in a container."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import fakeredis
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def redis_port() -> Iterator[int]:
    server = fakeredis.TcpFakeServer(("127.0.0.1", 0), server_type="redis")
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()
    thread.join()


def start(**environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "main.py"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(port: int, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 20
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    process.kill()
    pytest.fail(f"nothing listens: {process.communicate()[1]}")


@pytest.mark.parametrize("mode", ["", "UI", "ui,receiver", "worker"])
def test_any_other_mode_is_one_clear_line_and_exit_code_2(mode: str) -> None:
    process = start(MODE=mode)

    out, err = process.communicate(timeout=20)

    assert process.returncode == 2
    assert out == ""
    assert err == f'MODE is "{mode}", but has to be "ui" or "receiver".\n'


def test_an_invalid_setting_is_one_clear_line_and_exit_code_2() -> None:
    process = start(MODE="ui", TTL_SECONDS="soon", REDIS_URL="localhost:6379")

    _, err = process.communicate(timeout=20)

    assert process.returncode == 2
    assert err.count("\n") == 1
    assert "TTL_SECONDS: " in err
    assert "REDIS_URL: " in err


@pytest.mark.parametrize(
    ("mode", "variable"),
    [
        ("ui", "UI_PORT"),
        ("receiver", "RECEIVER_PORT"),
        ("receiver", "RECEIVER_GRPC_PORT"),
        ("receiver", "RECEIVER_HTTP_PORT"),
    ],
)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_within_five_seconds(
    mode: str, variable: str, number: signal.Signals, redis_port: int, free_tcp_port: int
) -> None:
    process = start(
        MODE=mode,
        REDIS_URL=f"redis://127.0.0.1:{redis_port}/0",
        # What Kubernetes injects for a Service named redis.
        REDIS_PORT="tcp://10.0.0.1:6379",
        **{"RECEIVER_PORT": "0", "RECEIVER_GRPC_PORT": "0", "RECEIVER_HTTP_PORT": "0"}
        | {variable: str(free_tcp_port)},
    )
    wait_for(free_tcp_port, process)

    # A client that stays connected must not hold the process up.
    with socket.create_connection(("127.0.0.1", free_tcp_port)):
        process.send_signal(number)
        _, err = process.communicate(timeout=5)

    assert process.returncode == 0, err
    assert "Traceback" not in err
