"""OTLP over HTTP."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import uvicorn
from google.protobuf import json_format
from google.protobuf.message import Message
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from receiver.bodies import from_json, from_protobuf, gunzip, unzstd
from receiver.exports import READ_SECONDS, Exports
from receiver.refusal import Refusal
from receiver.signals import Signal, signals_of

_log = logging.getLogger(__name__)

# Longer than SDKs wait between exports, so that they do not meet a connection that just closes.
_KEEP_ALIVE_SECONDS = 75
# Parsed, JSON takes several times the memory of protobuf.
_JSON_SHARE = 4


class _Encoding(NamedTuple):
    media_type: str
    parse: Callable[[bytes, type[Message]], Message]
    write: Callable[[Message], bytes]


_PROTOBUF = _Encoding(
    "application/x-protobuf", from_protobuf, lambda message: message.SerializeToString()
)
_JSON = _Encoding(
    "application/json",
    from_json,
    lambda message: json_format.MessageToJson(message, indent=None).encode(),
)
_ENCODINGS = {encoding.media_type: encoding for encoding in (_PROTOBUF, _JSON)}
_COMPRESSIONS: dict[str, Callable[[bytes, int], bytes]] = {
    "": lambda body, _: body,
    "identity": lambda body, _: body,
    "gzip": gunzip,
    "zstd": unzstd,
}


class HttpExports:
    """The ASGI application of OTLP's paths; each error has a Status as its body."""

    def __init__(self, exports: Exports, *, max_request_bytes: int) -> None:
        self._exports = exports
        self._signals = {signal.http_path: signal for signal in signals_of(exports)}
        self._limit = max_request_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        body = _Body(receive)
        # What a request is in decides what its answer is in, be it a good one or not.
        encoding = _ENCODINGS.get(_media_type(request))
        with suppress(ClientDisconnect):
            try:
                response = await self._response(request, encoding, body)
            except Refusal as refusal:
                response = _refused(refusal, encoding or _JSON)
                await body.read_to_the_end()
            except TimeoutError:
                response = _refused(Refusal.too_slow(), encoding or _JSON)
            except Exception:  # noqa: BLE001 - whatever it is, the answer has to be OTLP's
                _log.exception("an export failed unexpectedly")
                response = _refused(Refusal.internal(), encoding or _JSON)
            await response(scope, receive, send)

    async def _response(
        self, request: Request, encoding: _Encoding | None, body: _Body
    ) -> Response:
        signal = self._signals.get(request.url.path)
        if signal is None:
            raise Refusal.unknown_path(request.url.path, list(self._signals))
        if request.method != "POST":
            raise Refusal.wrong_method(request.method)
        if encoding is None:
            raise Refusal.unsupported("Content-Type", _media_type(request), list(_ENCODINGS))
        name = request.headers.get("Content-Encoding", "").strip().lower()
        uncompress = _COMPRESSIONS.get(name)
        if uncompress is None:
            raise Refusal.unsupported("Content-Encoding", name, ["gzip", "zstd"])
        limit = self._limit // _JSON_SHARE if encoding is _JSON else self._limit
        length = request.headers.get("Content-Length", "")
        if length.isdecimal() and int(length) > limit:
            raise Refusal.too_large(limit)
        async with self._exports.turn():
            content = uncompress(await body.read(limit), limit)
            async with self._exports.parsing(len(content)):
                return await self._export(signal, encoding, content)

    async def _export(self, signal: Signal, encoding: _Encoding, body: bytes) -> Response:
        # In a thread, since JSON takes long and health must be answered meanwhile.
        message = (
            await asyncio.to_thread(encoding.parse, body, signal.request)
            if encoding is _JSON
            else encoding.parse(body, signal.request)
        )
        response = await signal.export(message)
        return Response(encoding.write(response), media_type=encoding.media_type)


class _Body:
    """The body of a request, read as it arrives."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._ended = False

    async def read(self, limit: int) -> bytes:
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in self._chunks():
                size += len(chunk)
                if size > limit:
                    raise Refusal.too_large(limit)
                chunks.append(chunk)
        return b"".join(chunks)

    async def read_to_the_end(self) -> None:
        """Read what is left and forget it: many clients look for the answer only then."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READ_SECONDS):
                async for _ in self._chunks():
                    pass

    async def _chunks(self) -> AsyncIterator[bytes]:
        while not self._ended:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            self._ended = not message.get("more_body", False)
            yield message.get("body", b"")


class HttpServer(uvicorn.Server):
    def __init__(self, application: HttpExports, port: int, grace_seconds: int) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=grace_seconds,
            )
        )
        self._is_up = asyncio.Event()
        self._socket = _listen(port)
        self.port: int = self._socket.getsockname()[1]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the receiver, of which this server is a part."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._is_up.set()

    async def start(self) -> None:
        self._task = asyncio.create_task(self.serve(sockets=[self._socket]))
        await self._is_up.wait()

    async def stop(self) -> None:
        self.should_exit = True
        await self._task


def _media_type(request: Request) -> str:
    return request.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _refused(refusal: Refusal, encoding: _Encoding) -> Response:
    headers = dict(refusal.http_headers)
    if refusal.retry_seconds is not None:
        headers["Retry-After"] = str(refusal.retry_seconds)
    return Response(
        encoding.write(refusal.status()),
        refusal.http_status,
        headers,
        media_type=encoding.media_type,
    )


def _listen(port: int) -> socket.socket:
    if socket.has_dualstack_ipv6():
        return socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server(("", port))
