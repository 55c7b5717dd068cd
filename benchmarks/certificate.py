"""A throw-away certificate for 127.0.0.1: servers that speak TLS need one."""

from __future__ import annotations

import os
import shutil
import subprocess
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
    """
    files = KeyFiles(FOLDER / "certificate.pem", FOLDER / "key.pem")
    if all(path.exists() for path in files):
        return files
    if shutil.which("openssl") is None:
        raise RuntimeError("openssl is not installed")
    FOLDER.mkdir(parents=True, exist_ok=True)
    # Another process may be at it too: what has the final name is always whole.
    unfinished = KeyFiles(*(path.with_suffix(f".{os.getpid()}") for path in files))
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-noenc", "-days", str(DAYS), "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-out", str(unfinished.certificate), "-keyout", str(unfinished.key)]
    finished = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"openssl failed: {finished.stderr.strip()}")
    for new, path in zip(unfinished, files, strict=True):
        new.replace(path)
    return files
