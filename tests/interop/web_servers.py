"""Web servers that nobody here wrote, as programs: `web_servers.py http|aio ADDRESS PORT FOLDER [CERT KEY]`.

`http` is Python's own http.server; `aio` is aiohttp, which also knows ranges, and has some pages more.
"""

from __future__ import annotations

import asyncio
import functools
import http.server
import ssl
import sys
from pathlib import Path

from aiohttp import web


def serve_http(address: str, port: int, folder: str, context: ssl.SSLContext | None) -> None:
    """Python's own; it leaves without TLS's goodbye."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer((address, port), handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()


async def _moved(request: web.Request) -> web.Response:
    """To `to`, whatever that is."""
    raise web.HTTPFound(request.query["to"])


async def _compressed(request: web.Request) -> web.Response:
    """A file of the folder in the coding of the path."""
    name = Path(request.app[FOLDER]) / request.match_info["name"]
    response = web.Response(body=name.read_bytes())
    response.enable_compression(web.ContentCoding(request.match_info["coding"]))
    return response


async def _chunked(request: web.Request) -> web.StreamResponse:
    """A file of the folder in small chunks."""
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    data = (Path(request.app[FOLDER]) / request.match_info["name"]).read_bytes()
    for at in range(0, len(data), 1000):
        await response.write(data[at : at + 1000])
    return response


async def _broken(request: web.Request) -> web.StreamResponse:
    """Ten bytes are promised, four come, and then a reset."""
    response = web.StreamResponse(headers={"Content-Length": "10"})
    await response.prepare(request)
    await response.write(b"0123")
    await asyncio.sleep(0.2)
    assert request.transport is not None
    request.transport.abort()
    return response


FOLDER = web.AppKey("folder", str)


def serve_aio(address: str, port: int, folder: str, context: ssl.SSLContext | None) -> None:
    """aiohttp's."""
    app = web.Application()
    app[FOLDER] = folder
    app.router.add_get("/moved", _moved)
    app.router.add_get("/{coding:gzip|deflate}/{name}", _compressed)
    app.router.add_get("/chunked/{name}", _chunked)
    app.router.add_get("/broken", _broken)
    app.router.add_static("/", folder)
    web.run_app(app, host=address, port=port, ssl_context=context, print=lambda _line: None)


def main(kind: str, address: str, port: str, folder: str, *certificate: str) -> None:
    """Serve for ever."""
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*certificate)
    {"http": serve_http, "aio": serve_aio}[kind](address, int(port), folder, context)


if __name__ == "__main__":
    main(*sys.argv[1:])
