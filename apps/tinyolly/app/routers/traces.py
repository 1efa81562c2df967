from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query
from pydantic import Field

import models
from app.dependencies import Before, SinceUnixNano, StorageDependency
from common.span_store import AttributeFilter

router = APIRouter(prefix="/api/traces", tags=["traces"])


@router.get("")
async def list_traces(
    storage: StorageDependency,
    before: Before,
    since: SinceUnixNano,
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
    service: str | None = None,
    errors: Annotated[bool, Query(description="Only traces with a failed span")] = False,
    q: Annotated[str, Query(description="Part of a span's or service's name or trace id")] = "",
    attribute: Annotated[
        list[Annotated[str, Field(pattern="^[^=]")]] | None,
        Query(
            description="Key, or key=value, of an attribute of a span or its resource; of several, "
            "one span has all",
            max_length=10,
        ),
    ] = None,
    min_duration_ns: Annotated[int, Query(alias="minDurationNs", ge=0)] = 0,
    max_duration_ns: Annotated[int | None, Query(alias="maxDurationNs", ge=0)] = None,
) -> models.Traces:
    page = await storage.spans.traces(
        limit=limit,
        service=service,
        errors=errors,
        text=q,
        attributes=[AttributeFilter.parse(text) for text in attribute or ()],
        min_duration_ns=min_duration_ns,
        max_duration_ns=max_duration_ns,
        since_unix_nano=since,
        before=before,
    )
    return models.Traces.model_validate({"traces": page.items, "next_before": page.next_before})


@router.get("/{trace_id}")
async def get_trace(storage: StorageDependency, trace_id: str) -> models.Trace:
    spans = await storage.spans.trace(trace_id)
    if not spans:
        raise HTTPException(HTTPStatus.NOT_FOUND, f'There is no trace "{trace_id}".')
    return models.Trace.model_validate({"trace_id": trace_id, "spans": spans})
