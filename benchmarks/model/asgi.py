"""The same model as ``api``'s, on Starlette: what mangum can serve."""

import zlib

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from api import ANSWERS


async def predict(request):
    if request.headers["content-type"].startswith("multipart/"):
        data = await (await request.form())["image"].read()
        return Response(
            '{"status": "ok", "predictions": [{"size": %d, "crc": %d}]}\n' % (len(data), zlib.crc32(data)),
            media_type="application/json",
        )
    content_type, body = ANSWERS[(await request.json())["answer"]]
    return Response(body, media_type=content_type)


app = Starlette(routes=[Route("/model/predict", predict, methods=["POST"])])
