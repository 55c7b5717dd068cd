"""What the README says of options is what the command has."""

from __future__ import annotations

import re

from asgiserve.cli import make_command

from .pages import ROOT

README = (ROOT / "README.md").read_text()


def test_readme_names_every_option_and_no_other():
    table = README.partition("\n## Options\n")[2].partition("\n## ")[0]
    named = set(re.findall(r"--[a-z][a-z0-9-]+", table.partition("| --- | --- |")[2]))
    parameters = make_command(lambda **_: 0).params
    options = {name for parameter in parameters for name in parameter.opts if name[:2] == "--"}
    assert named == options | {"--help"}
