"""A headless Chromium, driven by its DevTools protocol.

https://chromedevtools.github.io/devtools-protocol/
"""

import itertools
import json
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from .waiting import DEADLINE_S, wait_until

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
CHROMIUM = next(filter(None, map(shutil.which, _NAMES)), None)

_OPTIONS = [
    "--headless",
    "--no-sandbox",  # which needs rights that containers do not have
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--remote-debugging-port=0",
]


class Chromium:
    """A browser process with a profile of its own in *work_dir*; a context manager."""

    def __init__(self, work_dir: Path) -> None:
        self._work_dir = work_dir
        self._ids = itertools.count(1)

    def __enter__(self) -> "Chromium":
        assert CHROMIUM is not None
        options = [*_OPTIONS, f"--user-data-dir={self._work_dir}"]
        self._log = (self._work_dir / "chromium.log").open("wb")
        self._process = subprocess.Popen(
            [CHROMIUM, *options, "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._connect()
        except BaseException:
            self._kill()
            raise
        return self

    def _connect(self) -> None:
        port_file = self._work_dir / "DevToolsActivePort"
        wait_until(
            lambda: port_file.exists() and len(port_file.read_text().split()) == 2,
            "Chromium to start",
        )
        port, path = port_file.read_text().split()
        own_socket = socket.create_connection(("127.0.0.1", int(port)), DEADLINE_S)
        url = f"ws://127.0.0.1:{port}{path}"
        self._opening = connect(url, sock=own_socket, max_size=None)
        self._devtools = self._opening.__enter__()

    def __exit__(self, *error: object) -> None:
        try:
            self.call("Browser.close")
            self._process.wait(DEADLINE_S)
        finally:
            self._opening.__exit__(None, None, None)
            self._kill()

    def _kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(DEADLINE_S)
        self._log.close()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Call *method* of the protocol, and wait for its result."""
        number = next(self._ids)
        message: dict[str, Any] = {"id": number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        self._devtools.send(json.dumps(message))
        while True:
            answer = json.loads(self._devtools.recv(DEADLINE_S))
            if answer.get("id") == number:
                assert "error" not in answer, answer
                return answer["result"]

    def open_tab(self, url: str) -> "Tab":
        """Open *url* in a tab of its own."""
        target = self.call("Target.createTarget", url=url)["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return Tab(self, target, session)


class Tab:
    """One page of a browser."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def evaluate(self, expression: str) -> Any:
        """The value of *expression*, in JavaScript, on the page."""
        result = self._browser.call(
            "Runtime.evaluate", self._session, expression=expression, returnByValue=True
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def run(self, statements: str) -> Any:
        """Run *statements*, in which ``await`` and ``return`` may stand; what they return."""
        result = self._browser.call(
            "Runtime.evaluate",
            self._session,
            expression=f"(async () => {{ {statements} }})()",
            awaitPromise=True,
            returnByValue=True,
        )
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def type(self, text: str) -> None:
        """Type *text* into the element that has the focus."""
        self._browser.call("Input.insertText", self._session, text=text)

    def close(self) -> None:
        """Close the tab."""
        self._browser.call("Target.closeTarget", targetId=self._target)
