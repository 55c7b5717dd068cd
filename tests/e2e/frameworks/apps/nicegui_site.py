"""A page of NiceGUI on a FastAPI application, as NiceGUI's documentation writes them."""

from fastapi import FastAPI
from nicegui import app as gui
from nicegui import ui
from site_events import note

app = FastAPI()

gui.on_startup(lambda: note("started"))
gui.on_shutdown(lambda: note("stopped"))
gui.on_disconnect(lambda: note("client left"))


@app.get("/api")
def answer():
    return {"message": "beside the page"}


@ui.page("/")
def show_page():
    field = ui.input("Name")
    greeting = ui.label("nobody")
    ui.button("Greet", on_click=lambda: greeting.set_text(f"Hello, {field.value}!"))
    ticks = ui.label("0")
    ui.timer(0.05, lambda: ticks.set_text(str(int(ticks.text) + 1)))

    async def show_size(event):
        content = await event.file.read()
        greeting.set_text(f"{event.file.name} has {len(content)} bytes")

    ui.upload(on_upload=show_size, auto_upload=True)


ui.run_with(app, title="The page of the test", show_welcome_message=False)
