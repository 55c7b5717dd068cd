"""Make load with wrk, one thread on one core, and read what it counted."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile

from benchmarks.load.counts import Load
from benchmarks.load.scenarios import Scenario

__all__ = ["run_wrk"]

# Each answer counts, and the next requests are sent after the last.
SEND_SEVERAL = """
function init(args)
  requests = string.rep(wrk.format(), %d)
end
function request()
  return requests
end
"""
# wrk calls done() at its end; "status" counts answers of 400 and above.
COUNT_ERRORS = """
function done(summary, latency, requests)
  io.write(string.format('{"requests": %d, "duration_us": %d', summary.requests, summary.duration))
  for kind, count in pairs(summary.errors) do
    io.write(string.format(', "%s errors": %d', kind, count))
  end
  io.write("}\\n")
end
"""


def run_wrk(scenario: Scenario, port: int, *, duration_s: int, core: int | None) -> Load:
    """Send the scenario's request to 127.0.0.1 for *duration_s* seconds.

    Raises:
        RuntimeError: wrk is missing or failed.
    """
    if shutil.which("wrk") is None:
        raise RuntimeError("wrk is not installed")
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(write_script(scenario))
        script.flush()
        pin = [] if core is None else ["taskset", "-c", str(core)]
        scheme = "https" if scenario.is_tls else "http"
        options = ["-t1", f"-c{scenario.connections}", f"-d{duration_s}s", "-s", script.name]
        finished = subprocess.run(
            [*pin, "wrk", *options, f"{scheme}://127.0.0.1:{port}/"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    if finished.returncode:
        raise RuntimeError(f"wrk failed: {(finished.stderr or finished.stdout).strip()}")
    return read_counts(finished.stdout)


def read_counts(output: str) -> Load:
    """Read the line that ends wrk's output."""
    counts = json.loads(output.splitlines()[-1])
    requests, duration_us = counts.pop("requests"), counts.pop("duration_us")
    errors = [f"{count} {kind}" for kind, count in sorted(counts.items()) if count]
    if errors or not requests:
        failure = ", ".join([*errors, f"{requests} requests answered"])
        return Load(requests, duration_us / 1e6, failure)
    return Load(requests, duration_us / 1e6, None)


def write_script(scenario: Scenario) -> str:
    """Write the Lua that tells wrk the request."""
    lines = [f"wrk.method = {quote(scenario.method)}"]
    lines += [f"wrk.headers[{quote(name)}] = {quote(value)}" for name, value in scenario.fields]
    if scenario.body_bytes:
        lines.append(f'wrk.body = string.rep("x", {scenario.body_bytes})')
    if scenario.pipelined > 1:
        lines.append(SEND_SEVERAL % scenario.pipelined)
    return "\n".join(lines) + COUNT_ERRORS


def quote(text: str) -> str:
    """Write a Lua string; for printable ASCII it is written as JSON writes it."""
    return json.dumps(text)
