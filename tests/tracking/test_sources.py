"""The project's files are the same whether git lists them or the .gitignore files decide."""

import shutil
from pathlib import Path

from darkroom.tracking.sources import code_sha256, source_files
from tests.helpers.checkouts import PROJECT, new_checkout
from tests.helpers.git import git

IGNORED = {
    ".gitignore": "*.pyc\n/data/\nbuild/\n!keep.pyc\n#no rule\n\\#rule\nlogs/*\n!logs/kept\n**/deep/*.txt\n",
    "sub/.gitignore": "/only-here\n!data/\n",
}
FILES = (
    *("a.py", "a.pyc", "keep.pyc", "data/x", "sub/data/x", "sub/only-here", "sub/below/only-here", "#rule"),
    *("logs/a", "logs/kept", "x/deep/a.txt", "x/deep/a.md", "build/a", "sub/build/a", "ä/日本 #1.py"),
)


def test_the_same_files_with_git_and_without(tmp_path: Path) -> None:
    root = tmp_path / "project"
    for name in (*FILES, *IGNORED):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(IGNORED.get(name, name), encoding="utf-8")
    without = source_files(root)
    git(root, "init", "-q")
    assert source_files(root) == without
    git(root, "add", "a.py")
    (root / "a.py").unlink()
    assert Path("a.py") not in source_files(root), "a file that was deleted is not copied"
    assert {Path("ä/日本 #1.py"), Path("keep.pyc"), Path("logs/kept")} <= set(without)
    assert not {Path("data/x"), Path("a.pyc"), Path("sub/only-here"), Path("x/deep/a.txt")} & set(without)


def test_the_hash_of_the_code_is_that_of_the_code(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    root, of_code = checkout.root, code_sha256(checkout.root)
    (root / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
    (root / "README.md").write_text("Read me\n", encoding="utf-8")
    (root / "src/darkroom/__pycache__").mkdir(exist_ok=True)
    (root / "src/darkroom/__pycache__/a.pyc").write_bytes(b"bytecode")
    shutil.rmtree(root / ".git")
    assert code_sha256(root) == of_code
    with open(root / "pipeline/train.py", "a", encoding="utf-8") as file:
        file.write("# changed\n")
    assert code_sha256(root) != of_code


def test_the_project_lists_the_same_files_both_ways(tmp_path: Path) -> None:
    checkout = new_checkout(tmp_path / "checkout")
    listed = source_files(checkout.root)
    shutil.rmtree(checkout.root / ".git")
    assert source_files(checkout.root) == listed
    assert Path("pipeline/train.py") in listed
    assert (PROJECT / "pipeline/train.py").is_file()
