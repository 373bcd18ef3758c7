"""Logs as JSON, a line each, with the run that they are about. Nothing about people is logged."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime

__all__ = ["configure"]

_STANDARD = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_SIMPLE = (str, int, float, bool, type(None))


class _Json(logging.Formatter):
    def __init__(self, environment: str) -> None:
        super().__init__()
        self._environment = environment

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            "environment": self._environment,
        }
        line |= {
            key: value
            for key, value in record.__dict__.items()
            if key not in _STANDARD and isinstance(value, _SIMPLE)
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
            line["detail"] = str(record.exc_info[1])[:300]
        return json.dumps(line)


def configure(level: str, environment: str) -> None:
    """Log to standard error, each line with the environment: see docs/logs.md."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Json(environment))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    logging.getLogger("kopf").setLevel(logging.WARNING)
