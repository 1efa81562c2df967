"""One image, two programs: MODE says whether this process serves the API or receives OTLP."""

import logging
import os
import signal
import sys

from pydantic import ValidationError

from common.settings import Settings


def main() -> None:
    # Until a server has its own handlers; process 1 of a container has no default ones.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    mode = os.environ.get("MODE", "")
    if mode not in ("ui", "receiver"):
        _exit(f'MODE is "{mode}", but has to be "ui" or "receiver".')
    try:
        settings = Settings()
    except ValidationError as error:
        _exit("; ".join(f"{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()))
    logging.basicConfig(
        level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    # Here, so that neither mode loads the other's libraries.
    if mode == "ui":
        from app.server import serve  # noqa: PLC0415
    else:
        from receiver.server import serve  # noqa: PLC0415
    serve(settings)


def _exit(message: str) -> None:
    sys.stderr.write(f"{message}\n")
    sys.exit(2)


if __name__ == "__main__":
    main()
