from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from fastapi import FastAPI

from app.errors import add_error_handlers
from app.routers import health, logs, metrics, opamp, services, traces
from common.settings import Settings
from common.storage import Storage
from models import ErrorBody

_OPAMP_TIMEOUT_SECONDS = 5


def create_app(settings: Settings, storage: Storage | None = None) -> FastAPI:
    """Create the REST API, by default on the storage that the settings name."""
    storage = storage or Storage.connect(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with httpx.AsyncClient(
            base_url=settings.opamp_url, timeout=_OPAMP_TIMEOUT_SECONDS
        ) as opamp_client:
            app.state.storage = storage
            app.state.opamp = opamp_client
            yield
        await storage.aclose()

    app = FastAPI(
        title="TinyOlly",
        lifespan=lifespan,
        responses={"default": {"model": ErrorBody, "description": "What went wrong"}},
    )
    for router in (health, traces, services, logs, metrics, opamp):
        app.include_router(router.router)
    add_error_handlers(app)
    return app
