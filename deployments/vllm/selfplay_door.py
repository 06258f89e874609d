"""The door of a run's server, in front of all of its paths: vLLM itself asks for a key under /v1 alone, and its paths
for development take commands."""

import hmac
import os


class Door:
    """Added to vLLM's application (--middleware); the key is in VLLM_API_KEY."""

    def __init__(self, app):
        self.app = app
        self.wanted = f"Bearer {os.environ['VLLM_API_KEY']}".encode()

    async def __call__(self, scope, receive, send):
        if scope["type"] in ("http", "websocket"):
            given = [value for name, value in scope["headers"] if name == b"authorization"]
            if len(given) != 1 or not hmac.compare_digest(given[0], self.wanted):
                return await self._refuse(scope["type"], send)
        await self.app(scope, receive, send)

    async def _refuse(self, kind, send):
        if kind == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body", "body": b""})
