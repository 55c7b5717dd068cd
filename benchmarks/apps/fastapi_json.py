"""A FastAPI application with one JSON answer: what most users run."""

from __future__ import annotations

from fastapi import FastAPI

app = FastAPI()


@app.get("/")
async def read_root() -> dict[str, str]:
    """Answer a small JSON object."""
    return {"message": "Hello, world!"}
