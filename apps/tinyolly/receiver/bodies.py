"""Bodies of requests: uncompressed within a limit, and parsed."""

import base64
import json
import zlib
from collections.abc import Callable
from compression import zstd
from typing import Any, Protocol

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message

from receiver.refusal import Refusal

_GZIP = zlib.MAX_WBITS | 16
# 8 MiB, which is all that RFC 9659 allows senders: a decompressor takes what the body asks for.
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
_HEX_IDS = ("traceId", "spanId", "parentSpanId")


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


def gunzip(body: bytes, limit: int) -> bytes:
    return _decompressed(body, limit, lambda: zlib.decompressobj(_GZIP), zlib.error)


def unzstd(body: bytes, limit: int) -> bytes:
    return _decompressed(
        body, limit, lambda: zstd.ZstdDecompressor(options=_ZSTD_OPTIONS), zstd.ZstdError
    )


def from_protobuf(body: bytes, request: type[Message]) -> Message:
    try:
        return request.FromString(body)
    except DecodeError as error:
        raise Refusal.invalid(f"The body is no {request.DESCRIPTOR.name}: {error}") from error


def from_json(body: bytes, request: type[Message]) -> Message:
    try:
        value = json.loads(body, object_hook=_with_base64_ids)
        if not isinstance(value, dict):
            raise TypeError("it is no object")  # noqa: TRY301 - like all that follows it
        return json_format.ParseDict(value, request(), ignore_unknown_fields=True)
    # Attribute and type errors are what ParseDict raises where the JSON has another form.
    except (
        ValueError,
        RecursionError,
        AttributeError,
        TypeError,
        json_format.ParseError,
    ) as error:
        raise Refusal.invalid(f"The body is no {request.DESCRIPTOR.name}: {error}") from error


def _with_base64_ids(value: dict[str, Any]) -> dict[str, Any]:
    # OTLP's JSON differs from protobuf's own in this alone.
    for name in _HEX_IDS:
        id_ = value.get(name)
        if isinstance(id_, str):
            try:
                value[name] = base64.b64encode(bytes.fromhex(id_)).decode()
            except ValueError:
                raise ValueError(f'{name} is "{id_}", but has to be hexadecimal') from None
    return value


def _decompressed(
    body: bytes, limit: int, decompressor: Callable[[], _Decompressor], failure: type[Exception]
) -> bytes:
    """Uncompress all members of the body, up to the limit."""
    parts: list[bytes] = []
    room = limit
    try:
        while body:
            member = decompressor()
            part = member.decompress(body, room + 1)
            if len(part) > room:
                raise Refusal.too_large(limit)
            if not member.eof:
                raise Refusal.invalid("The compressed body ends too early.")
            parts.append(part)
            room -= len(part)
            body = member.unused_data
    except failure as error:
        raise Refusal.invalid(f"The body cannot be uncompressed: {error}") from error
    return b"".join(parts)
