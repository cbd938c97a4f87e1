"""What people write: FastAPI, an upload, PIL, and the torch model behind it."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fastapi import FastAPI, UploadFile
from PIL import Image

from darkroom.files import read_json
from darkroom.models.classifier import load_classifier

MODELS = Path(os.environ["DARKROOM_BENCH"])
calibration = MODELS / "calibration.json"
classifier = load_classifier(
    MODELS / "model.safetensors",
    MODELS / "model_config.json",
    calibration if calibration.is_file() else None,
)
classes: list[str] = read_json(MODELS / "model_config.json")["classes"]
height, width = read_json(MODELS / "size.json")
app = FastAPI()


@app.post("/predict")
def predict(image: UploadFile) -> dict[str, Any]:
    """Classify one image; FastAPI runs this in one of its threads."""
    rgb = Image.open(io.BytesIO(image.file.read())).convert("RGB").resize((width, height))
    with torch.inference_mode():
        probabilities = classifier(torch.from_numpy(np.array(rgb))[None])[0]
    best = probabilities.topk(3)
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return {"classes": [{"class": classes[i], "probability": p} for i, p in pairs]}
