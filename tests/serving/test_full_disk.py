"""The service on a disk that fills up: it goes on, says what it could not keep, and no worker dies."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.checkouts import PROJECT
from tests.helpers.serving import CIFAR, write_champion
from tests.helpers.small_disk import on_small_disk

# the worker's files in the shared folder are opened before the disk is full, and used after it is
WORKER = """
import json, os, sys
from pathlib import Path
disk = Path(sys.argv[1])
(disk / "shared").mkdir()
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(disk / "shared")

import numpy as np
from prometheus_client.parser import text_string_to_metric_families
from darkroom.serving.metrics import exposition, start_worker
from darkroom.serving.monitoring.feedback_store import FeedbackStore
from darkroom.serving.monitoring.recent_predictions import RecentPredictions
from darkroom.serving.prediction.model import Classifier
from tests.helpers.app import send
from tests.helpers.full_disk import fill
from tests.helpers.serving import encoded, random_image

model = Path(sys.argv[2])
classifier = Classifier(model, threads=1)
start_worker(classifier, routes=["/predict", "/feedback"])
recent = RecentPredictions(50, disk / "shared" / "recent")
store = FeedbackStore(disk / "feedback", limit=10**9)
label = {"class": classifier.classes[0]}
answers = [send(classifier, "POST", "/feedback", store=store, fields=label).status_code]
fill(disk, 0)
for row in range(100):
    recent.add(np.ones((9, 50), np.float32))
other = {"class": classifier.classes[1]}
new = (("image", encoded(random_image(seed=2))),)  # a line may fit into the last page of its file
refused = send(classifier, "POST", "/feedback", store=store, files=new, fields=other)
answers += [refused.status_code, send(classifier, "POST", "/predict").status_code]
counts = {
    f"{sample.name}{sorted(sample.labels.values())}": sample.value
    for family in text_string_to_metric_families(exposition().decode())
    for sample in family.samples
}
fill(disk, None)
answers.append(send(classifier, "POST", "/feedback", store=store, files=new, fields=other).status_code)
lines = (disk / "feedback/feedback.jsonl").read_text().splitlines()
print(json.dumps({
    "answers": answers, "message": refused.json()["error"]["message"], "lines": len(lines),
    "counted": counts["darkroom_rejected_total['feedback_failed']"],
    "classes": [json.loads(line)["class"] for line in lines if line],
}))
"""


@pytest.mark.integration
def test_a_worker_goes_on_when_its_disk_is_full(tmp_path: Path) -> None:
    disk, model = tmp_path / "disk", tmp_path / "model"
    disk.mkdir()
    write_champion(model, name="cifar10", classes=CIFAR, height=32, width=32, channels=3, heat=True)
    command = [sys.executable, "-c", WORKER, str(disk), str(model)]
    done = subprocess.run(
        on_small_disk(disk, "8m", *command), cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.returncode}: {done.stderr}"  # -7: SIGBUS
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["answers"] == [201, 507, 200, 201]
    assert result["counted"] == 1
    assert "No space left on device" in result["message"]
    assert len(result["classes"]) == 2, "what was refused was kept after all, or the rest was lost"


def test_a_worker_that_has_no_room_for_its_metrics_does_not_start(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from darkroom.serving.shared_folder import take_space\n"
        "with open(Path(sys.argv[1]) / 'a', 'a+b') as file: take_space(file.fileno(), 9_000_000)"
    )
    command = on_small_disk(tmp_path, "1m", sys.executable, "-c", code, str(tmp_path))
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "No space left on device" in done.stderr
