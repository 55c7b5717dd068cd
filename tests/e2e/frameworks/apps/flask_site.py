"""A Flask application, served as WSGI."""

import hashlib
import time

from flask import Flask, make_response, redirect, request, send_file
from site_events import note

app = Flask(__name__)


@app.get("/items/<int:item_id>")
def read_item(item_id):
    return {"item_id": item_id, "q": request.args.get("q")}


@app.get("/environ/<path:rest>")
def show_environ(rest):
    names = ["PATH_INFO", "SCRIPT_NAME", "REMOTE_ADDR", "SERVER_PROTOCOL", "wsgi.url_scheme"]
    return {"rest": rest, "url": request.url, **{name: request.environ[name] for name in names}}


@app.post("/items")
def create_item():
    return request.get_json(), 201


@app.post("/upload")
def upload():
    file = request.files["file"]
    content = file.read()
    sha256 = hashlib.sha256(content).hexdigest()
    note = request.form["note"]
    return {"name": file.filename, "note": note, "bytes": len(content), "sha256": sha256}


@app.post("/login")
def login():
    return dict(request.form)


@app.get("/count")
def stream():
    return (f"{number}\n" for number in range(100)), {"content-type": "text/plain"}


@app.get("/ticks")
def tick_for_ever():
    def ticks():
        try:
            while True:
                yield "tick\n"
                time.sleep(0.01)
        finally:
            note("ticks ended")

    return ticks(), {"content-type": "text/plain"}


@app.get("/events")
def send_events():
    def events():
        number = 0
        try:
            while True:
                yield f"data: {number}\n\n"
                number += 1
                time.sleep(0.01)
        finally:
            note("events ended")

    return events(), {"content-type": "text/event-stream"}


@app.get("/file")
def file():
    return send_file(__file__, mimetype="text/x-python")


@app.get("/cookies")
def set_cookies():
    response = make_response("two cookies")
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


@app.get("/redirect")
def redirect_to_item():
    return redirect("/items/1")


@app.get("/crash")
def crash():
    raise RuntimeError("broken on purpose")
