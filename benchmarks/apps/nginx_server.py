"""Have nginx answer what an application here answers: ``python -m ... MODULE:ATTRIBUTE PORT``.

nginx runs no Python: short answers are in its configuration, long ones in a file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import FrameType

from benchmarks.apps import raw
from benchmarks.samples import HELLO_BODY

__all__ = ["find_nginx", "write_configuration"]

ANSWERS = {
    "benchmarks.apps.raw:hello": HELLO_BODY,
    "benchmarks.apps.raw:large_answer": raw.LARGE_BODY,
    "benchmarks.apps.raw:answer_1m": raw.BODY_1M,
}
# A longer one comes from a file, as it would in use.
LONGEST_RETURN_BYTES = 1024

CONFIGURATION = """
daemon off;
{user}
worker_processes {workers};
pid {folder}/pid;
error_log stderr;
events {{ worker_connections 8192; }}
http {{
    client_body_temp_path {folder}/client;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {log};
    default_type text/plain;
    sendfile on;
    keepalive_requests 1000000000;  # 1000 by default: the others close no connection either
    server {{
        listen 127.0.0.1:{port}{ssl};
        {certificate}
        location / {{ {answer} }}
    }}
}}
"""


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("app", choices=ANSWERS)
    parser.add_argument("port", type=int)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--access-log", action="store_true", help="to standard output")
    parser.add_argument("--certfile", type=Path)
    parser.add_argument("--keyfile", type=Path)
    return parser.parse_args()


def find_nginx() -> str | None:
    """Find the command, which is not on every user's path."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def write_configuration(arguments: argparse.Namespace, folder: Path) -> Path:
    """Write nginx's configuration, and the file that it serves, into *folder*."""
    body = ANSWERS[arguments.app]
    answer = f'return 200 "{body.decode()}";'
    if len(body) > LONGEST_RETURN_BYTES:
        Path(folder, "answer").write_bytes(body)
        answer = f"root {folder}; try_files /answer =404;"
    # The versions that newer ones have by default, as the other servers here.
    certificate = "ssl_protocols TLSv1.2 TLSv1.3; "
    certificate += f"ssl_certificate {arguments.certfile}; ssl_certificate_key {arguments.keyfile};"
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            # Root's nginx would serve as another user, who may not read the folder.
            user="user root;" if os.getuid() == 0 else "",
            workers=arguments.workers,
            log="/dev/stdout" if arguments.access_log else "off",
            port=arguments.port,
            ssl=" ssl" if arguments.certfile else "",
            certificate=certificate if arguments.certfile else "",
            answer=answer,
        )
    )
    return configuration


def exit_on_signal(_signum: int, _frame: FrameType | None) -> None:
    """Leave by an exception, so that nginx is ended and its folder removed."""
    sys.exit()


def main() -> int:
    """Run nginx until SIGTERM, or until it ends by itself."""
    arguments = parse_arguments()
    nginx = find_nginx()
    if nginx is None:
        sys.exit("nginx is not installed (Debian: apt install nginx-light)")
    signal.signal(signal.SIGTERM, exit_on_signal)
    with tempfile.TemporaryDirectory() as name:
        configuration = write_configuration(arguments, Path(name))
        process = subprocess.Popen([nginx, "-e", "stderr", "-p", name, "-c", configuration])
        try:
            return process.wait()
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
