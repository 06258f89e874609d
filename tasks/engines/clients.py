"""HTTP clients, as the user's environment wants them: through the user's proxy, but never to reach this machine."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from schemas.errors import BadInput
from tasks.environment import is_loopback

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


def client_of(url: str, concurrency: int, **options: Any) -> Any:
    """An asynchronous client for a server. Raises BadInput, naming the variables, for a proxy that it cannot use."""
    import httpx

    limits = httpx.Limits(max_connections=concurrency)
    # a transport of one's own leaves out proxies, but not the user's certificates
    direct = httpx.AsyncHTTPTransport(limits=limits) if is_loopback(httpx.URL(url).host) else None
    with proxies_named(url):
        return httpx.AsyncClient(transport=direct, limits=limits, **options)


@contextmanager
def proxies_named(url: str) -> Iterator[None]:
    """Where a client is made. Raises BadInput, naming the variables, for a proxy that it cannot use."""
    from httpx import InvalidURL

    try:
        yield
    except (ImportError, ValueError, InvalidURL) as error:
        names = [name for name in sorted(os.environ) if name.upper() in PROXIES]
        if not names:
            raise
        mend = "pip install socksio, or unset it" if isinstance(error, ImportError) else "mend or unset it"
        raise BadInput(f"{', '.join(names)}: no proxy that {url} can be reached through; {mend}") from error


def check_client(url: str) -> None:
    """Raises BadInput as `client_of` does, where that says more than a stage's end."""
    import httpx

    with suppress(httpx.InvalidURL):  # named by whoever asks there
        client_of(url, 1)
