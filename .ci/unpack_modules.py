"""Put the extension modules of a wheel into the tree: .ci/unpack_modules.py WHEEL."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

if __name__ == "__main__":
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        built = [name for name in wheel.namelist() if name.endswith((".so", ".pyd"))]
        # Another build's may be there, maybe of a module that has been renamed.
        for name in Path("asgiserve", "_speedups").rglob("*.so"):
            if f".cpython-{sys.version_info[0]}{sys.version_info[1]}-" in name.name:
                name.unlink()
        wheel.extractall(members=built)
    print(f"unpacked {len(built)} modules")
