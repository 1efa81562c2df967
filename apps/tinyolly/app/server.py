import uvicorn

from app.application import create_app
from common.settings import Settings

_GRACE_SECONDS = 3


def serve(settings: Settings) -> None:
    """Serve the REST API until SIGTERM or SIGINT."""
    uvicorn.run(
        create_app(settings),
        host="0.0.0.0",  # noqa: S104 - a container is reached from outside
        port=settings.ui_port,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
