import pytest

from settings import Settings, SettingsError


@pytest.mark.parametrize("mode", ["frontend", "backend"])
def test_defaults(mode: str) -> None:
    settings = Settings.from_environment({"MODE": mode})
    assert settings == Settings(
        mode="frontend" if mode == "frontend" else "backend",
        service_name=f"demo-{mode}",
        otlp_endpoint="http://localhost:4343",
        listen_port=5000,
        backend_url="http://localhost:5001",
        traffic=False,
        traffic_interval_seconds=5.0,
    )


def test_everything_can_be_set() -> None:
    assert Settings.from_environment(
        {
            "MODE": "frontend",
            "OTEL_SERVICE_NAME": "shop",
            "OTEL_EXPORTER_OTLP_ENDPOINT": "https://collector:4317/",
            "LISTEN_PORT": "8080",
            "BACKEND_URL": "http://backend:5000",
            "TRAFFIC": "true",
            "TRAFFIC_INTERVAL_SECONDS": "0.5",
        }
    ) == Settings(
        "frontend", "shop", "https://collector:4317", 8080, "http://backend:5000", True, 0.5
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("MODE", "", 'MODE is ""; it has to be frontend or backend'),
        ("MODE", "ui", 'MODE is "ui"; it has to be frontend or backend'),
        ("LISTEN_PORT", "tcp://10.0.0.1:5000", "it has to be a number from 1 to 65535"),
        ("LISTEN_PORT", "0", "it has to be a number from 1 to 65535"),
        ("LISTEN_PORT", "65536", "it has to be a number from 1 to 65535"),
        ("BACKEND_URL", "backend:5000", "it has to be a URL like http://localhost:5001"),
        ("BACKEND_URL", "http://", "it has to be a URL like http://localhost:5001"),
        ("BACKEND_URL", "http://backend:port", "it has to be a URL like http://localhost:5001"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "localhost:4343", "a URL like http://localhost:4343"),
        ("TRAFFIC", "yes", 'TRAFFIC is "yes"; it has to be true or false'),
        ("TRAFFIC_INTERVAL_SECONDS", "0", "it has to be a number from 0.01 to 86400"),
        ("TRAFFIC_INTERVAL_SECONDS", "nan", "it has to be a number from 0.01 to 86400"),
        ("TRAFFIC_INTERVAL_SECONDS", "soon", "it has to be a number from 0.01 to 86400"),
    ],
)
def test_what_cannot_be_used_is_refused(name: str, value: str, message: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({"MODE": "backend", name: value})
    assert message in str(refusal.value)
    assert str(refusal.value).startswith(f'{name} is "{value}"')
