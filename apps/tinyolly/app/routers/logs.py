from typing import Annotated

from fastapi import APIRouter, Query

import models
from app.dependencies import Before, SinceUnixNano, StorageDependency

router = APIRouter(prefix="/api/logs", tags=["logs"])


@router.get("")
async def list_logs(
    storage: StorageDependency,
    before: Before,
    since: SinceUnixNano,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    trace_id: Annotated[str | None, Query(alias="traceId")] = None,
    span_id: Annotated[str | None, Query(alias="spanId")] = None,
    service: str | None = None,
    min_severity: Annotated[int | None, Query(alias="minSeverity", ge=1, le=24)] = None,
    q: Annotated[str, Query(description="Part of the body or of the value of an attribute")] = "",
) -> models.Logs:
    page = await storage.logs.logs(
        limit=limit,
        trace_id=trace_id,
        span_id=span_id,
        service=service,
        min_severity=min_severity or 0,
        text=q,
        since_unix_nano=since,
        before=before,
    )
    return models.Logs.model_validate({"logs": page.items, "next_before": page.next_before})
