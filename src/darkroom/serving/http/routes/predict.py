"""Classifying images: `/predict` and `/predict_batch`."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...metrics import CONFIDENCE, PREDICTIONS, SECONDS, UNCERTAIN
from ...monitoring.monitor import Monitor
from ...prediction.engine import Classified, Engine
from .. import responses
from ..parameters import default_k, parse_explain, parse_k
from ..uploads import BATCH_FORM, PREDICT_FORM, read_form


async def predict(request: Request) -> Response:
    """Classify one image."""
    engine: Engine = request.app.state.engine
    classifier = engine.classifier
    engine.check()
    explain = parse_explain(request.query_params.get("explain", "false"))
    with engine.memory.request() as memory:
        upload = await read_form(request, PREDICT_FORM, memory)
        k = parse_k(
            request.query_params.get("k", upload.text), len(classifier.classes), default_k(classifier)
        )
        done = await engine.explain(upload.images)
    (probabilities,), heat = done.prediction.probabilities, done.prediction.heat
    prediction = responses.image_prediction(probabilities, k, classifier)
    _record(request, "/predict", [prediction], done)
    response: responses.Prediction = {
        "classes": prediction["classes"],
        "confident": prediction["confident"],
        "model": responses.model_version(classifier),
        "milliseconds": round(done.seconds * 1000, 3),
    }
    if "labels" in prediction:
        response["labels"] = prediction["labels"]
    if explain:
        response["input"] = responses.data_url(done.pixels[0])
        response["heat"] = None if heat is None else responses.heat_maps(heat[0], probabilities, k)
    return JSONResponse(response)


async def predict_batch(request: Request) -> Response:
    """Classify several images, all or none."""
    engine: Engine = request.app.state.engine
    classifier = engine.classifier
    engine.check()
    with engine.memory.request() as memory:
        upload = await read_form(request, BATCH_FORM, memory)
        k = parse_k(
            request.query_params.get("k", upload.text), len(classifier.classes), default_k(classifier)
        )
        done = await engine.explain(upload.images)
    predictions = [
        responses.image_prediction(probabilities, k, classifier)
        for probabilities in done.prediction.probabilities
    ]
    _record(request, "/predict_batch", predictions, done)
    response: responses.Predictions = {
        "predictions": predictions,
        "model": responses.model_version(classifier),
        "milliseconds": round(done.seconds * 1000, 3),
    }
    return JSONResponse(response)


def _record(
    request: Request, route: str, predictions: Sequence[responses.ImagePrediction], done: Classified
) -> None:
    """Count the predictions in the metrics and hand them to the monitor, if there is one."""
    SECONDS.labels(route).observe(done.seconds)
    for prediction in predictions:
        best = prediction["classes"][0]
        for name in prediction.get("labels", [best["class"]]):
            PREDICTIONS.labels(name).inc()
        CONFIDENCE.observe(best["probability"])
        if prediction["confident"] is False:
            UNCERTAIN.labels(best["class"]).inc()
    classifier = request.app.state.engine.classifier
    doubts = classifier.doubts(done.prediction.probabilities)
    if doubts is not None:  # of all labels, also of those that the response does not list
        for name, count in zip(classifier.classes, doubts.sum(axis=0).tolist(), strict=True):
            UNCERTAIN.labels(name).inc(count)
    monitor: Monitor | None = request.app.state.monitor
    if monitor is not None:
        monitor.offer(route, done)


ROUTES = (
    Route("/predict", predict, methods=["POST"]),
    Route("/predict_batch", predict_batch, methods=["POST"]),
)
