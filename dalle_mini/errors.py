"""Every error that a user of the project can meet.

    DalleMiniError
    ├── ConfigError            unknown field, bad value, unsupported variant
    ├── CheckpointError        missing file, digest mismatch, tree mismatch (full list in the text)
    ├── DataError              bad shard, bad caption list, unreadable picture
    ├── OutputError            a file that can't be written, an address that can't be served on
    ├── PromptError            empty or over-long prompt
    │   └── PromptRejected     refused by a safety rule; carries a category, never the matched word
    ├── Overloaded             queue full or over a limit; carries retry_after
    │   └── Closing            the server is being stopped
    ├── DeviceError            out of memory, a step that hangs, a picture that is not a number
    └── Cancelled              the caller gave up or a deadline passed

The web page, the API and the command line each turn them into words in one place; `http_status` is the API's answer.
"""


class DalleMiniError(Exception):
    """What happened, with the value found; `hint` says what to do about it."""

    http_status = 500

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def __reduce__(self) -> tuple:
        """For other processes: what a subclass adds is in its attributes, wherever its constructor wants it."""
        return _restore, (type(self), self.args, self.__dict__)


class ConfigError(DalleMiniError):
    http_status = 400


class CheckpointError(DalleMiniError):
    pass


class DataError(DalleMiniError):
    http_status = 400


class OutputError(DalleMiniError):
    http_status = 507


class PromptError(DalleMiniError):
    http_status = 422


class PromptRejected(PromptError):
    def __init__(self, message: str, *, category: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.category = category


class Overloaded(DalleMiniError):
    """`retry_after` is in seconds."""

    http_status = 429

    def __init__(self, message: str, *, retry_after: float, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class Closing(Overloaded):
    http_status = 503


class DeviceError(DalleMiniError):
    http_status = 503


class Cancelled(DalleMiniError):
    http_status = 499


def _restore(kind: type[DalleMiniError], args: tuple, attributes: dict) -> DalleMiniError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error
