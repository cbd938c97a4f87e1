"""Whether the project can work in its folder; `make install` asks before it installs anything.

It runs as a script with any Python 3.11, before the environment exists: it imports nothing but the standard
library.
"""

import sys
from pathlib import Path

REFUSED = {
    "%": "MLflow cannot create its database",
    "?": "the address of MLflow's database would end there",
    ":": "PATH would be divided there, so Python makes no environment",
    '"': "the shell would read it in the environment's commands",
    "$": "the shell would read it in the environment's commands",
    "`": "the shell would read it in the environment's commands",
    "\\": "the shell would read it in the environment's commands",
}


def folder_problem(folder: str) -> str | None:
    """Return in one sentence why the project cannot work in a folder, and the cure; None where it can.

    >>> folder_problem("/home/me/Bilder (ä) #1 日本 & it's")
    >>> print(folder_problem("/home/me/100%/darkroom"))
    The name of the folder /home/me/100%/darkroom has a %, with which MLflow cannot create its database: \
rename the folder or move the project to another one.
    """
    cure = "rename the folder or move the project to another one."
    for character, reason in REFUSED.items():
        if character in folder:
            return f"The name of the folder {folder} has a {character}, with which {reason}: {cure}"
    if not folder.isprintable():
        try:
            folder.encode()
        except UnicodeEncodeError:
            return f"The name of the folder {folder!r} is not UTF-8, which databases need: {cure}"
        if any(ord(character) < 32 or ord(character) == 127 for character in folder):
            return f"The name of the folder {folder!r} has a control character, such as a line break: {cure}"
    return None


if __name__ == "__main__":
    HERE = Path(__file__).absolute()
    # with and without the symbolic links on the way, as both are used
    sys.exit(folder_problem(str(HERE.parents[3])) or folder_problem(str(HERE.resolve().parents[3])))
