from fastapi import APIRouter

import models
from app.dependencies import StorageDependency
from common.service_map import service_map

_MAP_TRACES = 1_000

router = APIRouter(prefix="/api", tags=["services"])


@router.get("/stats")
async def get_stats(storage: StorageDependency) -> models.Stats:
    return models.Stats.model_validate(await storage.stats())


@router.get("/services")
async def list_services(storage: StorageDependency) -> models.Services:
    return models.Services.model_validate({"services": await storage.spans.services()})


@router.get("/service-map")
async def get_service_map(storage: StorageDependency) -> models.ServiceMap:
    """Return who calls whom in the newest thousand traces."""
    traces = await storage.spans.newest_traces(_MAP_TRACES)
    return models.ServiceMap.model_validate(service_map(traces))
