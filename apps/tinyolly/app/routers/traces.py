from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query

import models
from app.dependencies import Before, StorageDependency

router = APIRouter(prefix="/api/traces", tags=["traces"])


@router.get("")
async def list_traces(
    storage: StorageDependency,
    before: Before,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    service: str | None = None,
    errors: Annotated[bool, Query(description="Only traces with a failed span")] = False,
    q: Annotated[str, Query(description="Part of a span's or service's name or trace id")] = "",
) -> models.Traces:
    page = await storage.spans.traces(
        limit=limit, service=service, errors=errors, text=q, before=before
    )
    return models.Traces.model_validate({"traces": page.items, "next_before": page.next_before})


@router.get("/{trace_id}")
async def get_trace(storage: StorageDependency, trace_id: str) -> models.Trace:
    spans = await storage.spans.trace(trace_id)
    if not spans:
        raise HTTPException(HTTPStatus.NOT_FOUND, f'There is no trace "{trace_id}".')
    return models.Trace.model_validate({"trace_id": trace_id, "spans": spans})
