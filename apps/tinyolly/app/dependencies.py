import time
from typing import Annotated, cast

import httpx
from fastapi import Depends, Query, Request

from common.paging import NANOS_PER_SECOND, Cursor
from common.storage import Storage


def _storage(request: Request) -> Storage:
    return cast("Storage", request.app.state.storage)


def _opamp(request: Request) -> httpx.AsyncClient:
    return cast("httpx.AsyncClient", request.app.state.opamp)


def _before(
    before: Annotated[
        str | None,
        Query(
            description="Only what is older: Unix nanoseconds, or `nextBefore` of the last page",
            pattern=r"^\d{1,19}(:\w+)?$",
        ),
    ] = None,
) -> Cursor | None:
    return Cursor.parse(before) if before else None


def _since(
    since_seconds: Annotated[
        int | None,
        Query(alias="sinceSeconds", description="Only what began in the last seconds", ge=1),
    ] = None,
) -> int:
    return time.time_ns() - since_seconds * NANOS_PER_SECOND if since_seconds else 0


StorageDependency = Annotated[Storage, Depends(_storage)]
OpampClient = Annotated[httpx.AsyncClient, Depends(_opamp)]
Before = Annotated[Cursor | None, Depends(_before)]
SinceUnixNano = Annotated[int, Depends(_since)]
