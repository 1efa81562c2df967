from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the environment decides, read once at start."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    # Not PORT or REDIS_PORT: a Kubernetes Service of that name injects `tcp://…` into them.
    ui_port: int = Field(default=5002, ge=0, le=65535)
    receiver_port: int = Field(default=4343, ge=0, le=65535)
    # OTLP's own ports, for senders of which only the host is set.
    receiver_grpc_port: int = Field(default=4317, ge=0, le=65535)
    receiver_http_port: int = Field(default=4318, ge=0, le=65535)
    # Of one request, uncompressed, as JSON a quarter. Parsed, it takes several times the memory.
    max_request_bytes: int = Field(default=20 * 1024 * 1024, ge=1)

    redis_url: str = Field(default="redis://localhost:6379/0", pattern="^(rediss?|unix)://")
    redis_password: SecretStr | None = None

    ttl_seconds: int = Field(default=1800, ge=1)
    max_spans: int = Field(default=200_000, ge=1)
    max_logs: int = Field(default=200_000, ge=1)
    max_series: int = Field(default=5_000, ge=1)

    opamp_url: str = Field(default="http://localhost:4321", pattern="^https?://")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"
