"""OTLP over gRPC."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from receiver.bodies import from_protobuf
from receiver.exports import READ_SECONDS, Exports
from receiver.refusal import Refusal
from receiver.signals import Signal, signals_of

type _Context = grpc.aio.ServicerContext[Any, Any]


def add_exports(server: grpc.aio.Server, exports: Exports) -> None:
    server.add_generic_rpc_handlers(
        tuple(
            grpc.method_handlers_generic_handler(
                signal.grpc_service,
                # To senders a stream of one message is no other than one message. Here, it is read
                # when its turn has come, and parsed by us, so that errors have OTLP's codes.
                {"Export": grpc.stream_unary_rpc_method_handler(_exporter(exports, signal))},
            )
            for signal in signals_of(exports)
        )
    )


def _exporter(
    exports: Exports, signal: Signal
) -> Callable[[AsyncIterator[bytes], _Context], Awaitable[bytes]]:
    async def export(messages: AsyncIterator[bytes], context: _Context) -> bytes:
        try:
            async with exports.turn():
                async with asyncio.timeout(READ_SECONDS):
                    body = await anext(aiter(messages), b"")
                async with exports.parsing(len(body)):
                    response = await signal.export(from_protobuf(body, signal.request))
                    return response.SerializeToString()
        except TimeoutError:
            return await _abort(context, Refusal.too_slow())
        except Refusal as refusal:
            return await _abort(context, refusal)

    return export


async def _abort(context: _Context, refusal: Refusal) -> bytes:
    # How gRPC carries a Status with details, such as when to send again.
    details = (("grpc-status-details-bin", refusal.status().SerializeToString()),)
    await context.abort(refusal.code, refusal.message, details)
