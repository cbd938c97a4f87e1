"""What the service counts beyond BentoML's own figures; both appear at /metrics."""

from prometheus_client import Counter, Histogram

PREDICTIONS = Counter("darkroom_predictions", "Pictures classified, by the most probable class", ["class"])
UNSURE = Counter("darkroom_unsure", "Answers that count as not sure, by the most probable class", ["class"])
REJECTED = Counter("darkroom_rejected", "Requests refused, by reason", ["reason"])
FEEDBACK = Counter("darkroom_feedback", "Feedback kept, by the class that was answered", ["class"])
SECONDS = Histogram(
    "darkroom_prediction_seconds",
    "From the received bytes to the probabilities, by route",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5),
)
