"""Find the pretrained weights of model.backbone, check them, and keep them for the stages that train.

The file with vectors of labels (model.label_vectors) is kept beside them.

It runs with every `dvc repro`, because DVC does not watch a file outside the project: where the weights in it
changed, the training is repeated.
"""

from pipeline import MODELS, ROOT, read_params
from pipeline.stage import stage


def main() -> None:
    """Write models/backbone; without a backbone it notes that there is none."""
    params = read_params()
    # imported here because they take seconds, which a run without a backbone need not spend
    if params.model.backbone == "none":
        from darkroom.files import write_json

        write_json(MODELS / "backbone" / "about.json", {"name": "none"})
        print("model.backbone is none: no pretrained weights")
        return
    from darkroom.environment import user_cache
    from darkroom.models.backbones import BACKBONES
    from darkroom.models.backbones.folder import write_weights
    from darkroom.models.backbones.weights import find_weights
    from darkroom.models.label_vectors import keep_label_vectors

    backbone = BACKBONES[params.model.backbone]
    weights = find_weights(backbone, params.model.weights, root=ROOT, cache=user_cache())
    write_weights(MODELS / "backbone", weights)
    keep_label_vectors(params.model.label_vectors, MODELS / "backbone", root=ROOT)
    print(f"backbone {backbone.name}, licence {weights.licence}, of {weights.place}")


if __name__ == "__main__":
    stage(main)
