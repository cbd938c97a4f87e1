"""The page's scripts are ES modules that import one way, and the page loads all of them."""

import re
from graphlib import TopologicalSorter

from tests.helpers.checkouts import PROJECT

PAGE = PROJECT / "src/darkroom/serving/page"
IMPORT = re.compile(r'^import .*"\./(\w+\.js)";$', re.MULTILINE)


def imports() -> dict[str, set[str]]:
    """Return the modules that each module imports, by its name."""
    return {path.name: set(IMPORT.findall(path.read_text(encoding="utf-8"))) for path in PAGE.glob("*.js")}


def test_modules_import_one_way() -> None:
    TopologicalSorter(imports()).prepare()  # raises CycleError


def test_every_module_is_loaded_by_a_page_and_every_import_exists() -> None:
    modules = imports()
    loaded: set[str] = set()
    queue = {
        name
        for page in PAGE.glob("*.html")
        for name in re.findall(r'src="page/(\w+\.js)"', page.read_text(encoding="utf-8"))
    }
    while queue:
        name = queue.pop()
        loaded.add(name)
        queue |= modules[name] - loaded
    assert loaded == modules.keys()
