"""Build the Bento that holds the champion and the service."""

from darkroom.environment import bento_home
from darkroom.files import read_json, write_json
from darkroom.registry.store import registered_name
from darkroom.registry.versions import record_bento
from darkroom.serving.process.bento import bento_version, build_bento
from pipeline import MODELS, REPORTS, ROOT, tracking_uri
from pipeline.stage import stage


def main() -> None:
    """Run the stage."""
    champion = read_json(MODELS / "champion" / "model.json")
    version = str(champion["version"])
    built = build_bento(
        ROOT,
        name=f"darkroom-{champion['name']}",
        version=bento_version(ROOT, version),
        archive=MODELS / "darkroom.bento",
        home=bento_home(ROOT),
    )
    write_json(REPORTS / "bento.json", {"tag": built["tag"], "model_version": version})
    record_bento(tracking_uri(), registered_name(champion["name"]), version, built["tag"])
    print(f"package: {built['tag']} ({built['bytes'] / 1e6:.1f} MB in models/darkroom.bento)")


if __name__ == "__main__":
    stage(main)
