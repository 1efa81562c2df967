from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

import models
from app.dependencies import StorageDependency

# More than a century, and still a number of microseconds that Redis can compare.
_LONGEST_SECONDS = 2**32

router = APIRouter(prefix="/api/metrics", tags=["metrics"])


@router.get("")
async def list_metrics(storage: StorageDependency) -> models.Metrics:
    return models.Metrics.model_validate({"metrics": await storage.metrics.overview()})


@router.get("/series", response_model_exclude_none=True)
async def get_series(
    storage: StorageDependency,
    name: str,
    since_seconds: Annotated[int, Query(alias="sinceSeconds", ge=1, le=_LONGEST_SECONDS)] = 600,
) -> models.MetricSeries:
    series = await storage.metrics.series(name, since_seconds=since_seconds)
    if series is None:
        raise HTTPException(HTTPStatus.NOT_FOUND, f'There is no metric "{name}".')
    return models.MetricSeries.model_validate(series)
