"""Tells as whom it is served, and as whom it was imported."""

import json
import os
import sys


def identity():
    """User, group, supplementary groups, and the mode of a file that is made now."""
    mask = os.umask(0)
    os.umask(mask)
    groups = sorted(os.getgroups())
    return {"uid": os.getuid(), "gid": os.getgid(), "groups": groups, "umask": mask}


AT_IMPORT = identity()


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    body = json.dumps(
        {"at_import": AT_IMPORT, "now": identity(), "argv": sys.argv, "pid": os.getpid()}
    )
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body.encode()})
