from http import HTTPStatus
from typing import Annotated

import httpx
from fastapi import APIRouter, Query, Request, Response

from app.dependencies import OpampClient
from app.errors import error_response

router = APIRouter(prefix="/api/opamp", tags=["opamp"])


@router.get("/status")
async def get_status(opamp: OpampClient) -> Response:
    return await _pass_on(opamp, opamp.build_request("GET", "/status"))


@router.get("/config")
async def get_config(opamp: OpampClient, instance: Annotated[str, Query()] = "") -> Response:
    params = {"instance": instance} if instance else None
    return await _pass_on(opamp, opamp.build_request("GET", "/config", params=params))


@router.put("/config")
async def put_config(opamp: OpampClient, request: Request) -> Response:
    body = await request.body()
    headers = {"Content-Type": request.headers.get("Content-Type", "application/json")}
    return await _pass_on(
        opamp, opamp.build_request("PUT", "/config", content=body, headers=headers)
    )


async def _pass_on(opamp: httpx.AsyncClient, request: httpx.Request) -> Response:
    try:
        response = await opamp.send(request)
    except httpx.RequestError:
        return error_response(HTTPStatus.BAD_GATEWAY, "The OpAMP server does not answer.")
    return Response(
        response.content, response.status_code, media_type=response.headers.get("Content-Type")
    )
