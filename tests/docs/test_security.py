"""The page about security names each limit with its default."""

from __future__ import annotations

import re
import runpy

from asgiserve.cli.command import flag_of
from asgiserve.config.config import OPTIONS

from .pages import DOCS

PAGE = (DOCS / "security.md").read_text()
ROW = re.compile(r"^\| [^|]+ \| `(--[a-z-]+)` \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)

# These bound what the server or the application does, not what a client holds.
NOT_OF_CLIENTS = {
    "drain_delay",
    "limit_max_requests",
    "limit_max_requests_jitter",
    "timeout_lifespan_shutdown",
    "timeout_lifespan_startup",
}


def test_every_limit_of_clients_is_there_with_its_default() -> None:
    show_default = runpy.run_path(str(DOCS / "gen_options.py"))["show_default"]
    rows = dict(ROW.findall(PAGE))
    names = {flag_of(name): name for name in OPTIONS}
    for flag, default in rows.items():
        name = names[flag]
        assert default == show_default(name, OPTIONS[name]), flag
    bounding = {
        name
        for name, option in OPTIONS.items()
        if option.group in ("Limits", "Time-outs") and name not in NOT_OF_CLIENTS
    }
    assert bounding <= {names[flag] for flag in rows}
