"""Stands in for a web action that answers at once: ``web_action.py PORT``."""

import asyncio
import json
import sys

ANSWER = b'{"square": 4}'
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}}
SWAGGER = json.dumps(
    {
        "swagger": "2.0",
        "paths": {"/model/predict": {"post": {"parameters": [{"name": "payload", "in": "body", "schema": SCHEMA}]}}},
    }
).encode()


def reply(body: bytes) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"X-Openwhisk-Activation-Id: 5c1e2f7a9b3d4c6e8f0a1b2c3d4e5f60\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body) + body
    )


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
            await reader.readexactly(int(length or 0))
            writer.write(reply(SWAGGER if head.startswith(b"GET ") else ANSWER))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main(port: int) -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
