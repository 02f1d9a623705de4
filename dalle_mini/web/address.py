"""Where the page is served: the host and port that were asked for, taken before anything heavy is loaded."""

import errno
import os
import socket

from dalle_mini.errors import ConfigError, OutputError

HOST, PORT = "127.0.0.1", 7860
MAX_PORT = 65535


def default_host() -> str:
    """`GRADIO_SERVER_NAME`, else every address on a Space, else this machine alone."""
    return os.environ.get("GRADIO_SERVER_NAME") or ("0.0.0.0" if os.environ.get("SPACE_ID") else HOST)


def default_port() -> int:
    """`GRADIO_SERVER_PORT`, else 7860."""
    text = os.environ.get("GRADIO_SERVER_PORT") or str(PORT)
    if not text.isdecimal():
        raise ConfigError(f"GRADIO_SERVER_PORT={text!r} is not a port", hint=f"set it to a number up to {MAX_PORT}")
    return int(text)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 is any free one. OutputError says why the address can't be had."""
    if not 0 <= port <= MAX_PORT:
        raise ConfigError(f"port={port!r} is not a port", hint=f"a port is a number from 1 to {MAX_PORT}")
    if not host:
        raise ConfigError("the host is empty", hint=f"use {HOST} for this machine alone, 0.0.0.0 for every address")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise _explain(error, host, port) from error


def _explain(error: OSError, host: str, port: int) -> OutputError:
    if error.errno == errno.EADDRINUSE:
        other = port + 1 if port < MAX_PORT else PORT
        return OutputError(f"port {port} is in use", hint=f"choose another one: --port {other}")
    if error.errno in (errno.EACCES, errno.EPERM):
        return OutputError(f"port {port} may not be used by this user", hint=f"choose one above 1023: --port {PORT}")
    return OutputError(
        f"can't serve at host {host!r}: {error.strerror or error}",
        hint=f"use an address of this machine: --host {HOST}, or --host 0.0.0.0 for all of them",
    )


def web_address(listener: socket.socket) -> str:
    """What to type into a browser on this machine."""
    host, port = listener.getsockname()[:2]
    host = {"0.0.0.0": HOST, "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
