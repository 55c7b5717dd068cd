"""Writes the tables of options.md: python docs/gen_options.py, where asgiserve is installed."""

from __future__ import annotations

from pathlib import Path

from asgiserve.cli.command import flag_of
from asgiserve.config.config import DEFAULTS, LOGGING_CONFIG, OPTIONS, Option
from asgiserve.config.option import GROUPS

PAGE = Path(__file__).with_name("options.md")

# In the page, all behind this line is written here.
MARK = "<!-- Written by gen_options.py from the table that the command itself reads. -->"
TABLE = """
## {group}

| option | name | default | meaning |
| --- | --- | --- | --- |
"""

# The separator of paths is another on Windows.
SEPARATORS = {",": "commas", "\n": "line breaks", ":": "colons", ";": "colons"}


def make_page(page: str) -> str:
    """*page* with its tables made anew."""
    parts = [page.partition(MARK)[0], MARK, "\n"]
    for group in GROUPS:
        parts.append(TABLE.format(group=group))
        parts += [make_row(name, each) for name, each in OPTIONS.items() if each.group == group]
    return "".join(parts)


def make_row(name: str, option: Option) -> str:
    """The row of one option."""
    cells = [show_flag(name, option), f"`{name}`", show_default(name, option), show_help(option)]
    return f"| {' | '.join(cells)} |\n"


def show_flag(name: str, option: Option) -> str:
    """How the option is written on the command line."""
    if name == "app":
        return "`APP`"
    if option.kind.is_switch:
        return f"`{flag_of(name)}`"
    # The words stand behind: within a table nothing may hold a bar.
    metavar = "WORD" if option.kind.choices else option.kind.metavar
    return f"`{flag_of(name)} {metavar}`"


def show_default(name: str, option: Option) -> str:
    """The default as it would be written."""
    value = DEFAULTS[name]
    if name == "app" or option.fallback_env or "[default: " in option.help:
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return "none"
    if value in ((), ""):
        return ""
    if value == LOGGING_CONFIG:
        return "`default`"
    if option.kind.unit == "octal":
        return f"`{value:o}`"
    if isinstance(value, tuple):
        return f"`{','.join(value)}`"
    return f"`{value}`{show_unit(option.kind.unit, value)}"


def show_unit(unit: str, value: object) -> str:
    """The unit behind a number, in a short form."""
    if unit == "seconds":
        return " s"
    if unit == "bytes" and isinstance(value, int):
        for size, name in ((1024 * 1024, "MiB"), (1024, "KiB")):
            if value >= size and value % size == 0:
                return f" ({value // size} {name})"
        return " bytes"
    return ""


def show_help(option: Option) -> str:
    """What the option does; characters that Markdown would read are shown as they are."""
    text = option.help
    for character in "*<_":
        text = text.replace(character, f"\\{character}")
    text, bracket, default = text.partition(" [default: ")
    if bracket:
        text += f" Default: {default.removesuffix(']')}."
    if option.kind.choices:
        text += f" One of {', '.join(f'`{word}`' for word in option.kind.choices)}."
    if option.kind.separator is not None:
        text += f" In the environment: separated by {SEPARATORS[option.kind.separator]}."
    return text


if __name__ == "__main__":
    PAGE.write_text(make_page(PAGE.read_text()))
