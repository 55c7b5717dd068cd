"""The tests mirror the tree: each module has a test module, or is named with one that covers it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.test_layers import PACKAGE, PYTHON_FILES

TESTS = Path(__file__).resolve().parent

# By the test module that covers them: modules that have none of their own name.
COVERED_BY = {
    "asgi/test_cycle.py": ("asgi/app_exit", "asgi/waits"),
    "cli/bench/test_command.py": (
        "cli/bench/load",
        "cli/bench/load_process",
        "cli/bench/measure",
        "cli/bench/request",
    ),
    "cli/doctor/test_command.py": ("cli/doctor/findings",),
    "cli/test_command.py": ("cli/options", "cli/serve"),
    "codecs/test_header_fields.py": ("codecs/field_names",),
    "codecs/test_http1_framing.py": ("codecs/response_fields",),
    "codecs/test_http1_parser.py": (
        "codecs/http1_chunk_line",
        "codecs/http1_chunks",
        "codecs/http1_head",
    ),
    "codecs/test_http1_syntax.py": ("codecs/http1_request_line", "codecs/request_fields"),
    "config/test_config.py": (
        "config/bind_address",
        "config/groups/address",
        "config/groups/application",
        "config/groups/limits",
        "config/groups/logs",
        "config/groups/processes",
        "config/groups/proxies",
        "config/groups/reload",
        "config/groups/responses",
        "config/groups/timeouts",
        "config/groups/tls",
        "config/groups/websocket",
        "config/kinds",
        "config/logging_defaults",
        "config/option",
        "config/values",
    ),
    "config/test_sources.py": ("config/env_file",),
    "conformance/test_request_events.py": ("asgi/http_cycle", "connection/request_queue"),
    "conformance/test_response_errors.py": ("connection/app_errors",),
    "connection/test_flow_control.py": ("connection/unsent_limit",),
    "connection/test_http1_connection.py": (
        "connection/context",
        "connection/http1_cycle",
        "connection/http1_ends",
    ),
    "connection/test_ws_connection.py": ("asgi/ws_cycle", "connection/ws_wire_cycle"),
    "e2e/test_gunicorn.py": ("gunicorn/worker",),
    "conformance/test_stalled_peers.py": ("connection/reset", "connection/unread_input"),
    "e2e/test_launchers.py": (
        "django/apps",
        "django/development_server",
        "django/management/commands/runserver",
        "litestar",
    ),
    "e2e/test_proxy_protocol.py": ("net/proxy_protocol",),
    "e2e/test_pytest_plugin.py": ("config/parameters", "pytest_plugin"),
    "e2e/test_reload.py": ("reload/reloader",),
    "e2e/test_start_up.py": ("__init__", "__main__", "errors", "server/introduction", "version"),
    "e2e/test_signals.py": ("process/early_signals",),
    "e2e/test_testing.py": ("testing",),
    "e2e/test_workers.py": ("supervisor/process_host", "supervisor/required"),
    "logs/test_access_line.py": ("logs/access_layout",),
    "logs/test_configure.py": ("logs/formatters",),
    "middleware/test_adapters.py": ("middleware/asgi2",),
    "middleware/test_forwarded_address.py": (
        "middleware/forwarded",
        "middleware/forwarded_values",
    ),
    "middleware/test_proxy_headers.py": ("middleware/trusted_hosts",),
    "middleware/test_wsgi.py": ("middleware/wsgi_bridge", "middleware/wsgi_environ"),
    "net/test_accept_loop.py": ("net/accept_calls",),
    "net/test_sockets.py": ("net/listener",),
    "net/test_tls.py": ("net/tls_context",),
    "net/test_transport_loop.py": ("net/transports",),
    "process/test_child_process.py": (
        "pyinstaller/hook-asgiserve",
        "pyinstaller/rthooks/pyi_rth_asgiserve",
    ),
    "server/test_app_loader.py": ("imports",),
    "supervisor/test_process_pool.py": ("supervisor/health", "supervisor/pool_worker"),
    "supervisor/test_standby.py": ("supervisor/fork_server_process",),
    "supervisor/test_supervisor.py": ("supervisor/supervise",),
    "test_twins.py": ("_twins",),
    "test_uvicorn_behaviour.py": ("server/notify",),
    "test_uvicorn_names.py": ("config/groups/uvicorn", "server/server_state", "uvicorn_api"),
    "worker/test_entry.py": ("worker/spec",),
}
COVERED = {module for modules in COVERED_BY.values() for module in modules}

# Beside what mirrors the tree; their test modules are named for what they ask, not for a module.
OTHER_FOLDERS = ("benchmarks", "conformance", "docs", "e2e", "parity", "typing_sample")
# Named for one aspect of a module that has other tests too, or for what is no module.
ASPECTS = {
    "codecs/test_http1_limits.py",
    "codecs/test_http1_refusals.py",
    "connection/test_internal_errors.py",
    "connection/test_tls_close.py",
    "connection/test_ws_memory.py",
    "server/test_server_signals.py",
    "test_build.py",
    "test_layers.py",
    "test_mirror.py",
    "test_requirements.py",
    "test_workflows.py",
}


def names_in(root: Path, pattern: str) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob(pattern)}


# A package's own file does no more than say what the package is, or offer what is in it.
MODULES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix()
    for path in PYTHON_FILES.values()
    if path.name != "__init__.py" or path.parent == PACKAGE
}


def place_of(module: str) -> str:
    folder, slash, name = module.rpartition("/")
    return f"{folder}{slash}test_{name}.py"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_module_has_a_test_module_or_is_covered_by_another(module):
    has_its_own = (TESTS / place_of(module)).is_file()
    assert has_its_own != (module in COVERED)


def test_what_covers_modules_is_there():
    assert COVERED <= MODULES
    assert COVERED_BY.keys() <= names_in(TESTS, "test_*.py")


def test_test_module_has_a_subject():
    mirroring = {
        name for name in names_in(TESTS, "test_*.py") if not name.startswith(OTHER_FOLDERS)
    }
    of_modules = {place_of(module) for module in MODULES}
    assert mirroring - of_modules - COVERED_BY.keys() == ASPECTS
