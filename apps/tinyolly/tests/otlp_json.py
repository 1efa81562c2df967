"""OTLP's JSON as official SDKs write it: identifiers in hex, enumerations as numbers."""

import base64
import json
from typing import Any

from google.protobuf import json_format
from google.protobuf.message import Message

HEX_IDS = ("traceId", "spanId", "parentSpanId")


def to_json(message: Message) -> bytes:
    return json.dumps(to_dict(message)).encode()


def to_dict(message: Message) -> Any:
    return _with_hex_ids(json_format.MessageToDict(message, use_integers_for_enums=True))


def _with_hex_ids(value: Any) -> Any:
    match value:
        case dict():
            return {
                name: base64.b64decode(item).hex() if name in HEX_IDS else _with_hex_ids(item)
                for name, item in value.items()
            }
        case list():
            return [_with_hex_ids(item) for item in value]
        case _:
            return value
