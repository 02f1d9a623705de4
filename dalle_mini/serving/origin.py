"""The address that this site has for the rest of the world; links that leave it need one."""

import re
from collections.abc import Sequence

from fastapi import Request

from dalle_mini.serving.settings import Settings

_HOST = re.compile(r"([A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")


def find_base(request: Request, settings: Settings) -> str:
    """`https://draw.example`, without a slash at the end: as it was set, else as the request came in.

    Of X-Forwarded-Proto and X-Forwarded-Host, only what the trusted proxies say counts. What is no host is none.
    """
    if settings.base_url:
        return settings.base_url.rstrip("/")
    scheme, host = request.url.scheme, request.headers.get("host", "")
    if settings.trusted_proxies:
        scheme = _hop(request.headers.getlist("x-forwarded-proto"), settings.trusted_proxies) or scheme
        host = _hop(request.headers.getlist("x-forwarded-host"), settings.trusted_proxies) or host
    return f"{scheme if scheme in ('http', 'https') else 'http'}://{host if _HOST.fullmatch(host) else 'localhost'}"


def _hop(values: Sequence[str], trusted_proxies: int) -> str:
    """What the outermost trusted proxy wrote, as far as there are so many."""
    hops = [hop.strip() for value in values for hop in value.split(",") if hop.strip()]
    return hops[-trusted_proxies:][0] if hops else ""
