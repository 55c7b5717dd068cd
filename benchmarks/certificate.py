"""A throw-away certificate for 127.0.0.1: servers that speak TLS need one."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.server_process import REPOSITORY

__all__ = ["KeyFiles", "make_certificate"]

FOLDER = REPOSITORY / "build" / "benchmarks"
DAYS = 3650


class KeyFiles(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path


def make_certificate() -> KeyFiles:
    """Make the certificate, unless it is there: P-256, which browsers and servers prefer today.

    Raises:
        RuntimeError: there is no ``openssl`` command, or it failed.
        OSError: the folder cannot be written to.
    """
    files = name_files(FOLDER / "certificate")
    if files.key.exists():
        return files
    if shutil.which("openssl") is None:
        raise RuntimeError("openssl is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
        unfinished = name_files(Path(scratch, "certificate"))
        write_files(unfinished)
        # Other threads and processes may be at it too: the first has made it for all. A folder is
        # moved, not two files, so that the key is always the certificate's.
        with suppress(OSError):
            unfinished.key.parent.rename(files.key.parent)
    if not files.key.exists():
        raise RuntimeError(f"cannot write {files.key}")
    return files


def name_files(folder: Path) -> KeyFiles:
    """Say where the files are in *folder*."""
    return KeyFiles(folder / "certificate.pem", folder / "key.pem")


def write_files(files: KeyFiles) -> None:
    """Have openssl make a key and its certificate, in a new folder."""
    files.key.parent.mkdir()
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-noenc", "-days", str(DAYS), "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", str(files.certificate), "-keyout", str(files.key)]
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"openssl failed: {finished.stderr.strip()}")
