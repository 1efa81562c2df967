"""What all signals of OTLP have in common: attributes, scopes, identifiers and numbers."""

import base64
import math
from collections.abc import Iterable

from opentelemetry.proto.common.v1 import common_pb2

from common.telemetry import Attributes, Json, Scope

_TRACE_ID_BYTES = 16
_SPAN_ID_BYTES = 8
_LARGEST_EXACT = 2**53 - 1
_NOT_FINITE = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def attributes_from(pairs: Iterable[common_pb2.KeyValue]) -> Attributes:
    return {pair.key: value_from(pair.value) for pair in pairs}


def value_from(value: common_pb2.AnyValue) -> Json:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value"):
        return getattr(value, kind)
    match kind:
        case "int_value" | "double_value":
            return _number(getattr(value, kind))
        case "array_value":
            return [value_from(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes_from(value.kvlist_value.values)
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
        case _:
            return None


def scope_from(scope: common_pb2.InstrumentationScope) -> Scope:
    return Scope(
        scope.name,
        scope.version,
        attributes_from(scope.attributes),
        scope.dropped_attributes_count,
    )


def service_of(resource: Attributes) -> str:
    return str(resource.get("service.name") or "unknown_service")


def trace_id_from(value: bytes) -> str:
    """Return the trace id in hex, "" where it is not valid."""
    return value.hex() if len(value) == _TRACE_ID_BYTES and any(value) else ""


def span_id_from(value: bytes) -> str:
    """Return the span id in hex, "" where it is not valid."""
    return value.hex() if len(value) == _SPAN_ID_BYTES and any(value) else ""


def finite(value: float) -> float | None:
    # JSON has no NaN and no infinity.
    return value if math.isfinite(value) else None


def _number(number: float) -> Json:
    # As text where JSON has no number for it, or browsers round it, as in protobuf's own JSON.
    if isinstance(number, int):
        return number if abs(number) <= _LARGEST_EXACT else str(number)
    return number if math.isfinite(number) else _NOT_FINITE[str(number)]
