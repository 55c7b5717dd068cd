"""Which modules PyInstaller takes along: all of the server, and the packages that it can use."""

from importlib.util import find_spec

from PyInstaller.utils.hooks import collect_submodules

# Under the commands of others, for tests, and for PyInstaller itself; a program that imports one of
# them takes it along like any other module.
LEFT_OUT = ("django", "gunicorn", "litestar", "pyinstaller", "pytest_plugin", "testing")
# Imported where they are installed.
OPTIONAL = ("a2wsgi", "dotenv", "setproctitle", "watchfiles", "yaml")
# The same, and they import their modules from compiled code, which nobody can read.
COMPILED = ("aiofastnet", "uvloop")


def is_served(name: str) -> bool:
    """Whether the server may import the module *name*."""
    return name.split(".")[1:2] not in [[each] for each in LEFT_OUT]


hiddenimports = collect_submodules("asgiserve", filter=is_served)
hiddenimports += [name for name in OPTIONAL if find_spec(name)]
for package in COMPILED:
    if find_spec(package):
        hiddenimports += collect_submodules(package)
