"""A WSGI application of a few paths, by PEP 3333 and nothing else; under the validator too."""

import hashlib
import sys
from wsgiref.validate import validator


def digest(environ, start_response):
    """Size and SHA-256 of the body, read by small pieces."""
    stream, size, sha = environ["wsgi.input"], 0, hashlib.sha256()
    while piece := stream.read(10_000):
        size += len(piece)
        sha.update(piece)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{size} {sha.hexdigest()}".encode()]


def stream(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    # The client answers each piece by one of its body.
    for _ in range(3):
        yield b"next\n"
        yield environ["wsgi.input"].readline()


def late_error(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise RuntimeError("caught")
    except RuntimeError:
        start_response("503 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
    yield b"error page"


def written(environ, start_response):
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "6")])
    write(b"one")
    write(b"two")
    return []


def environ_names(environ, start_response):
    environ["wsgi.errors"].write("app: on stderr\n")
    environ["wsgi.errors"].flush()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(sorted(environ)).encode()]


def endless(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        while True:
            yield bytes(65536)
    finally:
        print("app: closed", flush=True)


PATHS = {
    f"/{function.__name__}": function
    for function in (digest, stream, late_error, written, environ_names, endless)
}


def app(environ, start_response):
    return PATHS[environ["PATH_INFO"]](environ, start_response)


valid_app = validator(app)
