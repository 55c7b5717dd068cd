"""The request that ``asgiserve bench`` sends again and again (RFC 9112 section 3)."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """One request.

    Args:
        target: a path, with a query perhaps.
        fields: its own header fields, those that frame it apart.
        body: None: it has none, and no Content-Length.
    """

    method: str = "GET"
    target: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None

    @property
    def is_head(self) -> bool:
        """Whether its answers have no bodies."""
        return self.method == "HEAD"

    def encode(self, port: int) -> bytes:
        """The bytes of the request to *port* of this machine."""
        names = {name.lower() for name, _ in self.fields}
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        if "host" not in names:
            lines.append(f"host: 127.0.0.1:{port}")
        lines += [f"{name}: {value}" for name, value in self.fields]
        if self.body is not None:
            lines.append(f"content-length: {len(self.body)}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head + (self.body or b"")
