"""The examples of Docker and Kubernetes: linters, and the commands that they run, with probes.

`.ci/docs` installs the linters; elsewhere their tests are skipped where they are missing.
"""

import json
import re
import shutil
import signal
import subprocess
import sys

import pytest
import yaml

from .programs import EXAMPLES, find_program
from .raw_client import RawClient
from .waiting import wait_until

if sys.platform == "win32":
    pytest.skip("containers run on Linux", allow_module_level=True)

DOCKERFILE = EXAMPLES / "docker" / "Dockerfile"
MANIFEST = EXAMPLES / "kubernetes" / "site.yaml"
KUBERNETES_VERSIONS = ["1.30", "1.34"]


@pytest.fixture
def start(start_server):
    def start_site(command):
        """Start what a container runs, on this machine and at a port that is free."""
        program, *options = command
        assert program == "asgiserve"
        folder = EXAMPLES / "docker"
        options = ["127.0.0.1" if option == "0.0.0.0" else option for option in options]
        options = [option.replace("=0.0.0.0", "=127.0.0.1") for option in options]
        return start_server("-m", "asgiserve", *options, "--port=0", f"--app-dir={folder}")

    return start_site


def instruction(name):
    """The JSON list of the only instruction *name* of the Dockerfile."""
    (text,) = re.findall(rf"^{name}\b.*?(\[.*\])$", DOCKERFILE.read_text(), re.M)
    return json.loads(text)


def resources():
    return {resource["kind"]: resource for resource in yaml.safe_load_all(MANIFEST.read_text())}


def pod():
    return resources()["Deployment"]["spec"]["template"]["spec"]


def option(container, name):
    """The value of the option *name* in the arguments of *container*."""
    (value,) = (text.partition("=")[2] for text in container["args"] if text.startswith(name))
    return value


# Docker ---------------------------------------------------------------------------------------


def test_hadolint_finds_nothing():
    subprocess.run([find_program("hadolint"), str(DOCKERFILE)], check=True)


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_image_is_built():
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode:
        pytest.skip("no engine of docker runs")
    subprocess.run(["docker", "build", "--quiet", str(DOCKERFILE.parent)], check=True)


def test_all_that_the_image_copies_is_there_and_sent():
    sources = re.findall(r"^COPY (\S+)", DOCKERFILE.read_text(), re.M)
    sent = (DOCKERFILE.parent / ".dockerignore").read_text().split()
    for source in sources:
        assert (DOCKERFILE.parent / source).is_file()
        assert f"!{source}" in sent


def test_image_serves_and_its_health_check_tells(start):
    server = start(instruction("CMD"))
    with RawClient(server.address) as raw:
        assert raw.get("/").body == b"Hello from a container\n"
    assert is_healthy(server)
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Stopping in 5 s")
    assert not is_healthy(server)
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0


def is_healthy(server):
    """Whether the health check of the image says so of *server*."""
    program, *arguments = instruction("HEALTHCHECK")
    assert program == "python"
    arguments = [
        text.replace("127.0.0.1:8000", "{}:{}".format(*server.address)) for text in arguments
    ]
    result = subprocess.run([sys.executable, *arguments], capture_output=True, check=False)
    assert result.returncode == 0 or b"HTTP Error 503" in result.stderr
    return result.returncode == 0


# Kubernetes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("version", KUBERNETES_VERSIONS)
def test_manifest_is_valid(version):
    program = find_program("kubernetes-validate")
    subprocess.run([program, "--strict", "-k", version, str(MANIFEST)], check=True)


def test_parts_of_the_manifest_fit_each_other():
    parts = resources()
    labels = parts["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert parts["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert parts["Service"]["spec"]["selector"] == labels
    assert parts["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"] == labels
    (container,) = pod()["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"http": int(option(container, "--port"))}
    assert [port["targetPort"] for port in parts["Service"]["spec"]["ports"]] == ["http"]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        asked = container[probe]["httpGet"]
        assert asked == {"path": option(container, "--readiness-path"), "port": "http"}


def test_grace_period_is_longer_than_what_the_server_takes():
    (container,) = pod()["containers"]
    names = ("--drain-delay", "--timeout-graceful-shutdown", "--timeout-lifespan-shutdown")
    total_s = sum(float(option(container, name)) for name in names)
    assert pod()["terminationGracePeriodSeconds"] >= total_s + 5


def test_container_is_ready_until_it_is_told_to_stop(start):
    (container,) = pod()["containers"]
    server = start([*container["command"], *container["args"]])
    path = container["readinessProbe"]["httpGet"]["path"]

    def probe():
        with RawClient(server.address) as raw:
            return raw.get(path).status

    assert probe() == 200
    server.send_signal(signal.SIGTERM)
    wait_until(lambda: probe() == 503, "readiness to fail")
    # Whoever has not heard of it yet is served.
    with RawClient(server.address) as raw:
        assert raw.get("/").body == b"Hello from a container\n"
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
