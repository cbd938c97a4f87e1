"""The description of the API."""

import json
import re

from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import send
from tests.helpers.serving import CIFAR


def test_the_description_has_feedback_and_heat_maps(classifier: Classifier) -> None:
    document = send(classifier, "GET", "/openapi.json").json()
    form = document["paths"]["/feedback"]["post"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["image", "class"]
    assert form["properties"]["class"]["enum"] == [*CIFAR, ""]
    prediction = document["components"]["schemas"]["Prediction"]
    assert {"input", "heat"} <= set(prediction["properties"])
    assert {"input", "heat"}.isdisjoint(prediction["required"])
    for schema in ("Predictions", "ImagePrediction"):
        assert "heat" not in json.dumps(document["components"]["schemas"][schema])


def test_the_description_names_the_models_classes(classifier: Classifier) -> None:
    schemas = send(classifier, "GET", "/openapi.json").json()["components"]["schemas"]
    assert schemas["RankedClass"]["properties"]["class"]["enum"] == [*CIFAR]
    assert schemas["Feedback"]["properties"]["class"]["enum"] == [*CIFAR, None]


def test_the_description_names_every_accepted_field(classifier: Classifier) -> None:
    paths = send(classifier, "GET", "/openapi.json").json()["paths"]
    for path, field, others in (
        ("/predict", "image", "file or picture"),
        ("/predict_batch", "images", "files or pictures"),
        ("/feedback", "image", "file or picture"),
    ):
        content = paths[path]["post"]["requestBody"]["content"]
        properties = content["multipart/form-data"]["schema"]["properties"]
        assert f"Also accepted as {others}." in properties[field]["description"]


def test_every_reference_in_the_description_leads_to_a_schema(classifier: Classifier) -> None:
    text = send(classifier, "GET", "/openapi.json").text
    schemas = json.loads(text)["components"]["schemas"]
    names = set(re.findall(r'"#/components/schemas/(\w+)"', text))
    assert {"Prediction", "Error", "RankedClass"} <= names <= set(schemas)
