"""Runs the demo's frontend or backend, as MODE says."""

import logging
import os
import signal
import sys

import uvicorn

import backend
import frontend
import telemetry
from settings import Settings, SettingsError


def main() -> None:
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        sys.stderr.write(f"demo: {error}\n")
        sys.exit(2)
    # uvicorn raises the signal again once it has stopped; the default action would skip the flush.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    logging.basicConfig(
        format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.INFO
    )
    logging.getLogger("httpx").setLevel(logging.WARNING)

    service = telemetry.over_otlp(settings.service_name, settings.otlp_endpoint)
    try:
        if settings.mode == "frontend":
            app = frontend.create_app(settings, service)
        else:
            app = backend.create_app(service)
        uvicorn.run(
            app,
            host="0.0.0.0",
            port=settings.listen_port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    finally:
        service.shutdown()


if __name__ == "__main__":
    main()
