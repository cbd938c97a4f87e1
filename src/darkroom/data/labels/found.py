"""What files with labels say about images, all together."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field

from darkroom.data.label_sets import LabelSet, merged
from darkroom.data.storage import StoredFile
from darkroom.text import note


@dataclass
class Found:
    """What the files with labels say about one image, all together."""

    labels: dict[tuple[str, ...], str] = field(default_factory=dict)  # with the file that says so
    splits: set[str] = field(default_factory=set)
    groups: set[str] = field(default_factory=set)
    rows: int = 0
    sets: set[LabelSet] = field(default_factory=set)  # of images that may have several labels


@dataclass
class Tables:
    """The files with labels of one kind, and what they say."""

    kind: str
    paths: list[str] = field(default_factory=list)
    found: dict[str, Found] = field(default_factory=lambda: defaultdict(Found))
    missing: dict[str, tuple[StoredFile, str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def count(self, labels: int) -> int:
        """Return how many images have so many labels; 2 stands for more too."""
        sizes = (max(map(len, found.labels), default=0) for found in self.found.values())
        return sum(min(size, 2) == labels for size in sizes)


def reason_of(found: Found) -> str:
    """Return why an image cannot be used; empty if it has one label."""
    names = [labels for labels in found.labels if labels]
    if not names:
        return f"no label in {next(iter(found.labels.values()))}"
    if len(names) > 1:
        different = " and ".join(sorted(", ".join(labels) for labels in names))
        return f"named {found.rows:,} times with different labels: {different}"
    if len(names[0]) > 1:
        return f"it has several labels: {', '.join(names[0])}"
    return ""


def notes_of(tables: Tables, where: str) -> list[str]:
    """Return sentences for people about what was read, and what was decided."""
    shown = where if len(tables.paths) == 1 else f"{len(tables.paths):,} files such as {tables.paths[0]}"
    notes = [f"The labels are those of {shown} ({tables.kind}).", *tables.notes]
    reasons = Counter(reason_of(found).split(":")[0] for found in tables.found.values())
    several = sum(count for reason, count in reasons.items() if reason.startswith("named"))
    notes += note("Left out because rows give them different labels", several, "image")
    notes += note("Left out because they have several labels", reasons["it has several labels"], "image")
    unlabelled = sum(n for why, n in reasons.items() if why.startswith("no label"))
    notes += note("Left out because they have no label", unlabelled, "image")
    crossing = sum(len(found.splits - {""}) > 1 for found in tables.found.values())
    notes += note("Given in two splits and put into test, else validation", crossing, "image")
    repeated = sum(found.rows > 1 and not reason_of(found) for found in tables.found.values())
    notes += note("Named more than once, always with one label, and counted once", repeated, "image")
    return notes + note("Images that cannot be found", len(tables.missing), "row")


def notes_of_sets(tables: Tables, where: str) -> list[str]:
    """Return sentences for people about sets of labels that were read, and what was decided."""
    shown = where if len(tables.paths) == 1 else f"{len(tables.paths):,} files such as {tables.paths[0]}"
    notes = [f"The labels are those of {shown} ({tables.kind}); an image may have several.", *tables.notes]
    sets = [merged(found.sets) for found in tables.found.values()]
    notes += note("Without any label", sum(not one.names for one in sets), "image")
    notes += note("With labels that are unknown", sum(bool(one.unknown) for one in sets), "image")
    crossing = sum(len(found.splits - {""}) > 1 for found in tables.found.values())
    notes += note("Given in two splits and put into test, else validation", crossing, "image")
    return notes + note("Images that cannot be found", len(tables.missing), "row")
