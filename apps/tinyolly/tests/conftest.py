import os
from collections.abc import AsyncIterator

import fakeredis
import grpc
import httpx
import pytest
from redis.asyncio import Redis

from app.application import create_app
from common.settings import Settings
from common.storage import Storage
from receiver.server import Receiver


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def settings() -> Settings:
    return Settings(receiver_port=0, receiver_grpc_port=0, receiver_http_port=0)


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """An empty Redis: the real one at TEST_REDIS_URL, which loses its data, or an imitation."""
    url = os.environ.get("TEST_REDIS_URL")
    async with Redis.from_url(url) if url else fakeredis.FakeAsyncRedis() as redis:
        await redis.flushdb()
        yield redis


@pytest.fixture
def storage(redis: Redis, settings: Settings) -> Storage:
    return Storage(redis, settings)


@pytest.fixture
async def receiver(storage: Storage, settings: Settings) -> AsyncIterator[Receiver]:
    receiver = Receiver(storage, settings)
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest.fixture
async def channel(receiver: Receiver) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{receiver.grpc_ports[0]}") as channel:
        yield channel


@pytest.fixture
async def http(receiver: Receiver) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{receiver.http_port}"
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


@pytest.fixture
async def api(storage: Storage, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, storage)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://api") as client,
    ):
        yield client
