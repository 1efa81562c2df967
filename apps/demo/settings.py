"""What the environment decides."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast
from urllib.parse import urlsplit

Mode = Literal["frontend", "backend"]


class SettingsError(Exception):
    """A setting that cannot be used."""


@dataclass(frozen=True)
class Settings:
    mode: Mode
    service_name: str
    otlp_endpoint: str
    listen_port: int = 5000
    backend_url: str = "http://localhost:5001"
    traffic: bool = False
    traffic_interval_seconds: float = 5.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        mode = _choice(environment, "MODE", "", "frontend", "backend")
        return cls(
            mode=cast(Mode, mode),
            service_name=environment.get("OTEL_SERVICE_NAME") or f"demo-{mode}",
            otlp_endpoint=_url(environment, "OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4343"),
            listen_port=_port(environment, "LISTEN_PORT", "5000"),
            backend_url=_url(environment, "BACKEND_URL", cls.backend_url),
            traffic=_choice(environment, "TRAFFIC", "false", "true", "false") == "true",
            traffic_interval_seconds=_seconds(environment, "TRAFFIC_INTERVAL_SECONDS", "5"),
        )


def _choice(environment: Mapping[str, str], name: str, default: str, *allowed: str) -> str:
    value = environment.get(name, default)
    if value not in allowed:
        raise SettingsError(f'{name} is "{value}"; it has to be {" or ".join(allowed)}')
    return value


def _port(environment: Mapping[str, str], name: str, default: str) -> int:
    value = environment.get(name, default)
    if not (value.isdecimal() and 1 <= int(value) <= 65535):
        raise SettingsError(f'{name} is "{value}"; it has to be a number from 1 to 65535')
    return int(value)


def _seconds(environment: Mapping[str, str], name: str, default: str) -> float:
    value = environment.get(name, default)
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 86400:
        raise SettingsError(f'{name} is "{value}"; it has to be a number from 0.01 to 86400')
    return seconds


def _url(environment: Mapping[str, str], name: str, default: str) -> str:
    value = environment.get(name, default)
    try:
        parts = urlsplit(value)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError(f'{name} is "{value}"; it has to be a URL like {default}')
    return value.rstrip("/")
