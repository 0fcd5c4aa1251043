"""What a compressed answer may become: where a small one grows without end, it is a bomb, and no answer."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterable, Iterable

import httpx

# The platform passes on 1 MiB; a JSON of zeros, which is about the best that a model can do, shrinks to a hundredth.
HARMLESS = 64 * 1024 * 1024  # bytes
MOST_GROWTH = 100


def collected(response: httpx.Response, pieces: Iterable[bytes]) -> httpx.Response:
    """The response with all of its decompressed body; raises `httpx.DecodingError` for a bomb."""
    body = bytearray()
    for piece in pieces:
        _add(body, piece, response)
    return _whole(response, bytes(body))


async def collected_async(response: httpx.Response, pieces: AsyncIterable[bytes]) -> httpx.Response:
    """The same of pieces that come asynchronously."""
    body = bytearray()
    async for piece in pieces:
        _add(body, piece, response)
    return _whole(response, bytes(body))


def inflated(content: bytes) -> bytes:
    """What is behind gzip; `content` itself where it can't be read, or is a bomb."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        plain = unpacker.decompress(content, max(HARMLESS, MOST_GROWTH * len(content)))
    except zlib.error:
        return content
    return plain if unpacker.eof else content


def _add(body: bytearray, piece: bytes, response: httpx.Response) -> None:
    body += piece
    came = response.num_bytes_downloaded
    if len(body) > HARMLESS and len(body) > MOST_GROWTH * came:
        text = f"{came:,} bytes of it became more than {len(body):,}, which no model's answer does"
        raise httpx.DecodingError(text, request=response.request)


def _whole(response: httpx.Response, body: bytes) -> httpx.Response:
    headers = httpx.Headers([pair for pair in response.headers.multi_items() if pair[0] not in _OF_THE_TRANSFER])
    return httpx.Response(response.status_code, headers=headers, content=body, request=response.request)


_OF_THE_TRANSFER = ("content-encoding", "content-length", "transfer-encoding")
