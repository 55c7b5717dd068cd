"""asgiserve inside of other programs, the way people run uvicorn: only the import has changed."""

import signal
import textwrap

import pytest

from .raw_client import RawClient


@pytest.fixture
def run_script(start_server):
    """Run a script that was written for uvicorn, with ``asgiserve`` in its place."""

    def run(text, *, wait):
        script = textwrap.dedent(text).replace("uvicorn", "asgiserve")
        return start_server("main.py", files={"main.py": script}, wait=wait)

    return run


RUN_SCRIPTS = {
    "import string": """
        import uvicorn

        if __name__ == "__main__":
            uvicorn.run("asgi_site:app", host="127.0.0.1", port=0, log_level="info")
        """,
    "object": """
        import uvicorn
        from asgi_site import app

        uvicorn.run(app, host="127.0.0.1", port=0, access_log=False, lifespan="on")
        """,
    "factory": """
        import uvicorn

        def create_app():
            from asgi_site import app
            return app

        if __name__ == "__main__":
            uvicorn.run("main:create_app", port=0, factory=True, loop="asyncio")
        """,
    "server": """
        import uvicorn
        from asgi_site import app

        config = uvicorn.Config(app, port=0, log_level="info", timeout_keep_alive=5)
        server = uvicorn.Server(config)
        server.run()
        """,
    "asyncio.run": """
        import asyncio
        import uvicorn

        async def main():
            config = uvicorn.Config("asgi_site:app", port=0, log_level="info")
            server = uvicorn.Server(config)
            await server.serve()

        if __name__ == "__main__":
            asyncio.run(main())
        """,
    "changed log config": """
        import uvicorn
        from uvicorn.config import LOGGING_CONFIG

        LOGGING_CONFIG["formatters"]["access"]["fmt"] = (
            '%(asctime)s %(levelprefix)s %(client_addr)s - "%(request_line)s" %(status_code)s'
        )
        uvicorn.run("asgi_site:app", port=0, log_config=LOGGING_CONFIG)
        """,
    "socket of its own": """
        import socket
        import uvicorn

        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config("asgi_site:app"))
        server.run(sockets=[listener])
        """,
}


@pytest.mark.parametrize("name", RUN_SCRIPTS)
def test_script_for_uvicorn_serves_and_stops(run_script, name):
    server = run_script(RUN_SCRIPTS[name], wait=True)
    with RawClient(server.address) as raw:
        assert raw.get("/hello").body == b"Hello, world!"
    # The signal that a program has left to serve() is its own in the end.
    assert server.terminate() == (-signal.SIGTERM if name == "asyncio.run" else 0)
    assert "app: lifespan shutdown" in server.log()


PROGRAMS = {
    "inside a running loop": """
        import asyncio
        import httpx
        import uvicorn
        from asgi_site import app

        async def main():
            server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning"))
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(trust_env=False) as client:
                response = await client.get(f"http://127.0.0.1:{port}/hello")
                print(response.text)
            server.should_exit = True
            await serving
            print("served", server.started)

        asyncio.run(main())
        """,
    "in a thread": """
        import contextlib
        import threading
        import time
        import urllib.request
        import uvicorn
        from asgi_site import app

        class Server(uvicorn.Server):
            def install_signal_handlers(self):
                pass

            @contextlib.contextmanager
            def run_in_thread(self):
                thread = threading.Thread(target=self.run)
                thread.start()
                try:
                    while not self.started:
                        time.sleep(0.001)
                    yield
                finally:
                    self.should_exit = True
                    thread.join()

        for _ in range(2):
            server = Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="info"))
            with server.run_in_thread():
                port = server.servers[0].sockets[0].getsockname()[1]
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/hello") as response:
                    print(response.read().decode())
        print("served", threading.active_count())
        """,
    "step by step": """
        import asyncio
        import httpx
        import uvicorn
        from asgi_site import app

        async def main():
            server = uvicorn.Server(uvicorn.Config(app, port=0))
            await server.startup()
            port = server.servers[0].sockets[0].getsockname()[1]
            async with httpx.AsyncClient(trust_env=False) as client:
                print((await client.get(f"http://127.0.0.1:{port}/hello")).text)
            await server.shutdown()
            print("served")

        asyncio.run(main())
        """,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_that_stops_its_server_goes_on(run_script, name):
    program = run_script(PROGRAMS[name], wait=False)
    assert program.exit_status() == 0, program.log()
    assert "Hello, world!" in program.log()
    assert "served" in program.log()


def test_signal_goes_on_to_the_handler_of_the_host(run_script):
    program = run_script(
        """
        import asyncio
        import signal
        import uvicorn
        from asgi_site import app

        def mine(number, frame):
            print("the host's handler ran", flush=True)

        async def main():
            signal.signal(signal.SIGTERM, mine)
            server = uvicorn.Server(uvicorn.Config(app, port=0))
            await server.serve()
            print("handler is back:", signal.getsignal(signal.SIGTERM) is mine)

        asyncio.run(main())
        """,
        wait=True,
    )
    program.send_signal(signal.SIGTERM)
    assert program.exit_status() == 0
    log = program.log()
    assert log.count("the host's handler ran") == 1
    assert log.index("Stopped server process") < log.index("the host's handler ran")
    assert "handler is back: True" in log


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 130)]
)
def test_signal_ends_a_program_that_does_more_than_serve(run_script, number, status):
    program = run_script(
        """
        import asyncio
        import uvicorn
        from asgi_site import app

        async def work():
            try:
                await asyncio.Event().wait()
            finally:
                print("work is cancelled", flush=True)

        async def main():
            server = uvicorn.Server(uvicorn.Config(app, port=0))
            await asyncio.gather(server.serve(), work())

        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            raise SystemExit(130)
        """,
        wait=True,
    )
    program.send_signal(number)
    assert program.exit_status() == status
    assert "app: lifespan shutdown" in program.log()
    assert "Stopped server process" in program.log()
    # As anybody who gets SIGTERM and has no handler, it has no time for that.
    assert ("work is cancelled" in program.log()) == (number == signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_run_and_the_program_goes_on(run_script, number):
    program = run_script(
        """
        import uvicorn
        from asgi_site import app

        uvicorn.Server(uvicorn.Config(app, port=0)).run()
        print("what follows", flush=True)
        """,
        wait=True,
    )
    program.send_signal(number)
    assert program.exit_status() == 0
    assert "what follows" in program.log()


def test_port_in_use_is_status_3_from_run(run_script):
    program = run_script(
        """
        import socket
        import uvicorn

        with socket.create_server(("127.0.0.1", 0)) as holder:
            uvicorn.run("asgi_site:app", port=holder.getsockname()[1])
        """,
        wait=False,
    )
    assert program.exit_status() == 3
