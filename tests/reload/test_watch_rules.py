import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError
from asgiserve.reload.watch_rules import WatchRules


@pytest.fixture
def project(tmp_path):
    """A directory to start in, with a few others in it."""
    for name in ("src/migrations", "static/css", "templates/mail", ".config", "tests", "a/tests"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / ".env").touch()
    return tmp_path


@pytest.fixture
def make_rules(project):
    def make(directories=(".",), includes=(), excludes=()):
        return WatchRules(directories, includes, excludes, current_directory=str(project))

    return make


@pytest.fixture
def is_watched(project, make_rules):
    """Whether the file at a path below the project would be seen."""

    def ask(path, includes=(), excludes=(), directories=(".",)):
        rules = make_rules(directories, includes, excludes)
        full = project / path
        if str(full) in rules.files:
            return True
        way = [str(each) for each in reversed(full.parents) if each.is_relative_to(project)]
        for i, directory in enumerate(way):
            if directory in rules.roots and all(map(rules.is_entered, way[i + 1 :])):
                return rules.is_watched(str(full))
        return False

    return ask


@pytest.mark.parametrize("path", ["main.py", "src/main.py", "src/migrations/0001.py"])
def test_python_files_are_watched_at_any_depth(is_watched, path):
    assert is_watched(path)


@pytest.mark.parametrize(
    "path",
    ["main.txt", "main.pyc", ".hidden.py", "~main.py", ".main.py.swp", "#main.py#", "main.py~"],
)
def test_what_is_no_module_is_not_watched(is_watched, path):
    assert not is_watched(path)


@pytest.mark.parametrize(
    "path",
    [
        ".venv/lib/python3.13/site-packages/a.py",
        "node_modules/a/b.py",
        "src/__pycache__/a.py",
        ".git/hooks/a.py",
        ".config/a.py",
    ],
)
def test_directories_of_tools_are_not_entered(is_watched, path):
    assert not is_watched(path)


@pytest.mark.parametrize("path", [".git/a.py", ".venv/a.py", "node_modules/a.py"])
def test_no_pattern_opens_the_directories_of_tools(is_watched, path):
    assert not is_watched(path, includes=["*", ".*"])


def test_directory_of_a_tool_is_watched_when_it_is_named(is_watched):
    assert is_watched(".venv/src/a.py", directories=[".venv/src"])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.html", "templates/mail/a.html"),
        ("*", "static/logo.svg"),
        ("templates/*.html", "templates/a.html"),
        ("templates/*.html", "src/templates/a.html"),
        ("templates/**", "templates/mail/a.html"),
        ("**/*.html", "a.html"),
        ("**/mail/*", "templates/mail/a.html"),
        ("a?.[ct]sv", "static/ab.tsv"),
        ("settings.toml", "src/settings.toml"),
        ("templates", "templates/mail/a.html"),
        ("./templates/", "templates/mail/a.html"),
        (".*", ".hidden"),
        (".env", ".env"),
        (".config/*.toml", ".config/a.toml"),
        (".config", ".config/a.toml"),
    ],
)
def test_include_adds(is_watched, pattern, path):
    assert is_watched(path, includes=[pattern])
    assert is_watched("main.py", includes=[pattern])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*.html", "a.htm"),
        ("templates/*.html", "templates/mail/a.html"),
        ("templates", "static/a.html"),
        ("*", ".hidden"),
        ("*", "src/.main.py.swp"),
        ("*", "src/main.pyc"),
        ("*.HTML", "a.html"),
    ],
)
def test_include_adds_no_more_than_it_says(is_watched, pattern, path):
    assert not is_watched(path, includes=[pattern])


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("*_flymake.py", "src/main_flymake.py"),
        ("src/migrations", "src/migrations/0001.py"),
        ("migrations", "src/migrations/0001.py"),
        ("src/migrations/*", "src/migrations/0001.py"),
        ("**/migrations/*", "src/migrations/deep/0001.py"),
        ("src", "src/migrations/0001.py"),
        ("./src/", "src/migrations/0001.py"),
        ("*.py", "main.py"),
        ("main.py", "main.py"),
    ],
)
def test_exclude_leaves_out(is_watched, pattern, path):
    assert not is_watched(path, excludes=[pattern])


def test_excluded_directory_is_that_one_and_no_other_of_its_name(is_watched):
    assert not is_watched("tests/a.py", excludes=["tests"])
    assert is_watched("a/tests/a.py", excludes=["tests"])


def test_excluded_directory_does_not_hide_one_whose_name_begins_alike(is_watched, project):
    (project / "src2").mkdir()
    assert is_watched("src2/a.py", excludes=["src"])


def test_absolute_patterns_are_taken(is_watched, project):
    assert is_watched("static/a.css", includes=[f"{project}/static/*.css"])
    assert not is_watched("src/static/a.css", includes=[f"{project}/static/*.css"])
    assert not is_watched("static/a.py", excludes=[f"{project}/static"])


def test_patterns_may_start_above(project, make_rules):
    outside = project.parent / f"{project.name} shared"
    outside.mkdir()
    rules = make_rules(includes=[f"../{outside.name}/*.toml"])
    assert str(outside) in rules.roots
    assert rules.is_watched(f"{outside}/a.toml")
    assert not rules.is_watched(f"{project}/a.toml")


def test_file_is_watched_though_it_lies_outside_of_the_directories(is_watched):
    assert is_watched(".env", directories=["src"], includes=[".env"])
    assert not is_watched(".env", directories=["src"])


def test_file_that_is_named_is_stronger_than_the_excludes(is_watched):
    assert is_watched("src/main.py", includes=["src/main.py"], excludes=["src"])
    assert not is_watched("src/other.py", includes=["src/main.py"], excludes=["src"])


def test_pattern_in_both_lists_loses_its_default(is_watched):
    assert not is_watched("a.py", excludes=["*.py"], includes=["*.html"])
    assert is_watched(".hidden", includes=[".*"])


def test_only_the_given_directories_are_roots(make_rules, project):
    assert make_rules(["src", "static"]).roots == [f"{project}/src", f"{project}/static"]


def test_excluded_directory_is_no_root(make_rules, project):
    assert make_rules(["src", "static"], excludes=["static"]).roots == [f"{project}/src"]


def test_application_directory_is_the_default(project, monkeypatch):
    monkeypatch.chdir(project)
    config = Config("main:app", reload=True, app_dir="src")
    assert WatchRules.from_config(config).roots == [f"{project}/src"]
    config = Config("main:app", reload=True, app_dir=None)
    assert WatchRules.from_config(config).roots == [str(project)]


def test_rules_that_leave_nothing_are_refused(project, monkeypatch):
    monkeypatch.chdir(project)
    with pytest.raises(ConfigError, match="reload_excludes: leaves nothing to watch"):
        WatchRules.from_config(Config("main:app", reload=True, reload_excludes=["."]))
