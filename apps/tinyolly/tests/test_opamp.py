import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from common.settings import Settings

pytestmark = pytest.mark.anyio


@pytest.fixture
async def opamp() -> AsyncIterator[tuple[int, list[str]]]:
    """A server on a port that records each request and knows no instance."""
    requests: list[str] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ") for line in head.splitlines()[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        requests.append(head.splitlines()[0] + " " + body.decode())
        content = b'{"error":{"code":"not_found","message":"unknown"}}'
        writer.write(
            b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(content), content)
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], requests


class TestReachable:
    @pytest.fixture
    def settings(self, opamp: tuple[int, list[str]]) -> Settings:
        return Settings(opamp_url=f"http://127.0.0.1:{opamp[0]}")

    async def test_requests_and_answers_are_passed_on(
        self, api: httpx.AsyncClient, opamp: tuple[int, list[str]]
    ) -> None:
        responses = [
            await api.get("/api/opamp/status"),
            await api.get("/api/opamp/config", params={"instance": "a&b=c"}),
            await api.put("/api/opamp/config", content=b'{"config":"x: 1"}'),
        ]

        assert opamp[1] == [
            "GET /status HTTP/1.1 ",
            "GET /config?instance=a%26b%3Dc HTTP/1.1 ",
            'PUT /config HTTP/1.1 {"config":"x: 1"}',
        ]
        for response in responses:
            assert response.status_code == 404
            assert response.headers["content-type"] == "application/json"
            assert response.json() == {"error": {"code": "not_found", "message": "unknown"}}


class TestUnreachable:
    @pytest.fixture
    def settings(self, free_tcp_port: int) -> Settings:
        return Settings(opamp_url=f"http://127.0.0.1:{free_tcp_port}")

    async def test_an_absent_server_is_a_bad_gateway(self, api: httpx.AsyncClient) -> None:
        response = await api.get("/api/opamp/status")

        assert response.status_code == 502
        assert response.json()["error"]["code"] == "bad_gateway"
