"""Logs as lines of JSON, for machines that gather them."""

import json
import logging
from datetime import UTC, datetime


class JsonLines(logging.Formatter):
    """One object a line, with what a record brings as `fields`, and where an error came from."""

    def format(self, record: logging.LogRecord) -> str:
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            values["trace"] = self.formatException(record.exc_info)
        return json.dumps(values)


def log_json() -> None:
    """Let what is logged already be logged so, requests to the API included."""
    ours = logging.getLogger("dalle_mini")
    ours.setLevel(min(ours.level, logging.INFO))
    for handler in ours.handlers:
        handler.setFormatter(JsonLines())
        logging.getLogger("uvicorn").addHandler(handler)
