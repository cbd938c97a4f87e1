"""Reading the forms of requests: which fields each route takes."""

import pytest

from darkroom.serving.http.uploads import MAX_IMAGE_BYTES
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import IMAGE, refused, send
from tests.helpers.serving import encoded, random_image

OTHER = encoded(random_image(seed=2))


@pytest.mark.parametrize("name", ["image", "file", "picture"])
def test_predict_takes_the_image_under_each_of_its_names(classifier: Classifier, name: str) -> None:
    response = send(classifier, "POST", "/predict", files=[(name, OTHER)])
    assert response.status_code == 200, response.text
    expected = send(classifier, "POST", "/predict", files=[("image", OTHER)]).json()["classes"]
    assert response.json()["classes"] == expected


@pytest.mark.parametrize("names", [("images", "images"), ("files", "files"), ("pictures", "images")])
def test_predict_batch_takes_images_under_each_of_its_names_in_order(
    classifier: Classifier, names: tuple[str, str]
) -> None:
    files = list(zip(names, (IMAGE, OTHER), strict=True))
    response = send(classifier, "POST", "/predict_batch", files=files)
    assert response.status_code == 200, response.text
    alone = [send(classifier, "POST", "/predict", files=[("image", data)]).json() for _, data in files]
    for prediction, expected in zip(response.json()["predictions"], alone, strict=True):
        assert [c["class"] for c in prediction["classes"]] == [c["class"] for c in expected["classes"]]


@pytest.mark.parametrize("name", ["image", "file", "picture"])
def test_feedback_takes_the_image_under_each_of_its_names(
    classifier: Classifier, tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    store = FeedbackStore(tmp_path_factory.mktemp("feedback"), limit=1_000_000)
    response = send(
        classifier, "POST", "/feedback", store=store, files=[(name, IMAGE)], fields={"class": "cat"}
    )
    assert (response.status_code, response.json()) == (201, {"class": "cat", "new": True})


@pytest.mark.parametrize(
    ("path", "wrong", "names"),
    [
        ("/predict", "photo", ("'image'", "'file'", "'picture'")),
        ("/predict", "images", ("'image'", "'file'", "'picture'")),
        ("/predict_batch", "image", ("'images'", "'files'", "'pictures'")),
        ("/feedback", "photo", ("'image'", "'file'", "'picture'")),
    ],
)
def test_a_wrong_field_name_is_refused_and_the_accepted_ones_are_named(
    classifier: Classifier,
    tmp_path_factory: pytest.TempPathFactory,
    path: str,
    wrong: str,
    names: tuple[str, ...],
) -> None:
    store = FeedbackStore(tmp_path_factory.mktemp("feedback"), limit=1_000_000)
    message = refused(
        send(classifier, "POST", path, store=store, files=[(wrong, IMAGE)]), 400, "unknown_field"
    )
    assert repr(wrong) in message
    assert all(name in message for name in names), message
    message = refused(send(classifier, "POST", path, store=store, files=[("k", IMAGE)]), 400, "unknown_field")
    assert all(name in message for name in names), message


def test_a_form_without_an_image_is_refused_and_the_accepted_names_are_stated(
    classifier: Classifier,
) -> None:
    message = refused(send(classifier, "POST", "/predict", files=[("k", (None, "3"))]), 400, "no_image")
    assert "'image' (also accepted: 'file', 'picture')" in message


def test_one_image_under_two_names_is_two_images(classifier: Classifier) -> None:
    response = send(classifier, "POST", "/predict", files=[("image", IMAGE), ("file", IMAGE)])
    assert "2 images; at most 1" in refused(response, 400, "too_many_images")


@pytest.mark.parametrize("name", ["image", "file", "picture"])
def test_text_in_the_place_of_an_image_is_refused(classifier: Classifier, name: str) -> None:
    response = send(classifier, "POST", "/predict", files=[(name, (None, "http://192.0.2.1/a.png"))])
    assert "Addresses and paths are not opened" in refused(response, 400, "not_a_file")


@pytest.mark.parametrize("name", ["image", "file"])
def test_a_large_image_is_refused_under_each_name(classifier: Classifier, name: str) -> None:
    response = send(classifier, "POST", "/predict", files=[(name, bytes(MAX_IMAGE_BYTES + 1))])
    assert "10,000,001 bytes" in refused(response, 413, "too_large")
