"""The limit: an ASGI app without any framework that finds the image, decodes it and runs the graph.

No checks, no batching, no metrics: what any service on this runtime has to pay.
"""

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from darkroom.serving.prediction.runtime import Graph

CHAMPION = Path(os.environ["DARKROOM_BENCH"])
about = json.loads((CHAMPION / "model.json").read_text(encoding="utf-8"))
graph = Graph((CHAMPION / "model.onnx").read_bytes(), precision=about.get("precision", "fp32"), threads=1)
mode = "RGB" if about["channels"] == 3 else "L"
shape = (1, about["height"], about["width"], about["channels"])
graph.run(np.zeros(shape, np.uint8))


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """Classify the one image of a form."""
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":  # to see whether it runs
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    start = body.find(b"\r\n\r\n") + 4
    image = Image.open(io.BytesIO(body[start:])).convert(mode)
    probabilities = graph.run(np.asarray(image, dtype=np.uint8).reshape(shape))[0]
    best = np.argsort(-probabilities)[:3]
    answer = {
        "classes": [{"class": about["classes"][i], "probability": float(probabilities[i])} for i in best]
    }
    content = json.dumps(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
