"""The service's log: a line of JSON per event, without anybody's texts or ids."""

import hashlib
import hmac
import sys
import traceback
from typing import Any, TextIO

import structlog

DIGITS = 12
FRAMES = 6


def make_log(stream: TextIO | None = None) -> Any:
    """A logger that writes lines of JSON, to standard error unless told otherwise."""
    return structlog.wrap_logger(
        structlog.PrintLogger(stream or sys.stderr),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.BoundLogger,
        cache_logger_on_first_use=False,
    )


def pseudonym(user_id: str, secret: bytes) -> str:
    """What stands for a user in the log: the same for the same user, for as long as the secret is."""
    return hmac.new(secret, user_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:DIGITS]


def where(error: BaseException) -> list[str]:
    """The innermost places of an error, without its message, which may quote what somebody sent."""
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{frame.filename.rpartition('site-packages/')[2]}:{frame.lineno} {frame.name}" for frame in frames]


def uvicorn_logging() -> dict[str, Any]:
    """The server's own messages in the same form; it is not asked for a line per request, which would name users."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [
                    structlog.stdlib.add_log_level,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.stdlib.ExtraAdder(allow=[]),
                ],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stderr"}},
        "loggers": {"uvicorn": {"handlers": ["stderr"], "level": "INFO", "propagate": False}},
    }
