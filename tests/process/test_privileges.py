"""Users and groups: found before anything is bound, and assumed in a process that ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError, StartupError
from asgiserve.process import privileges
from asgiserve.process.privileges import Identity, apply_umask, find_identity

if sys.platform == "win32":
    pytest.skip("Windows has no such users", allow_module_level=True)

as_root = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0, reason="only root can become another user"
)

# Becomes what the options say, and tells who it is then.
BECOME = """\
import json, os, sys
from asgiserve.config.config import Config
from asgiserve.process.privileges import find_identity
find_identity(Config("main:app", **json.loads(sys.argv[1]))).assume()
find_identity(Config("main:app", **json.loads(sys.argv[1]))).assume()
print(json.dumps([os.getresuid(), os.getresgid(), sorted(os.getgroups())]))
"""


@pytest.fixture
def accounts(monkeypatch):
    """A system with one user, who has a group of its own and is in another one too."""
    www = SimpleNamespace(pw_uid=33, pw_gid=44, pw_name="www")

    def find(key, table):
        if key not in table:
            raise KeyError(key)
        return table[key]

    monkeypatch.setattr(privileges.pwd, "getpwnam", lambda name: find(name, {"www": www}))
    monkeypatch.setattr(privileges.pwd, "getpwuid", lambda uid: find(uid, {33: www}))
    group = SimpleNamespace(gr_gid=55)
    monkeypatch.setattr(privileges.grp, "getgrnam", lambda name: find(name, {"web": group}))


def identity_of(**options):
    return find_identity(Config("main:app", **options))


def test_identity_is_none_without_options():
    assert identity_of() is None


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("options", "identity"),
    [
        ({"user": "www"}, Identity(33, 44, "www")),
        ({"user": 33}, Identity(33, 44, "www")),
        ({"user": "33"}, Identity(33, 44, "www")),
        ({"user": "www", "group": "web"}, Identity(33, 55, "www")),
        ({"user": "www", "group": 66}, Identity(33, 66, "www")),
        ({"user": 1000, "group": 66}, Identity(1000, 66)),
        ({"group": "web"}, Identity(None, 55)),
    ],
)
def test_identity_is_found_by_name_or_number(options, identity):
    assert identity_of(**options) == identity


@pytest.mark.usefixtures("accounts")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"user": "nobody-here"}, "user: there is no user 'nobody-here'"),
        ({"group": "nobody-here"}, "group: there is no group 'nobody-here'"),
        ({"user": 2**32 - 1}, "user: there is no user 4294967295"),
        ({"group": 2**32 - 1}, "group: there is no group 4294967295"),
        ({"user": 1000}, "user: 1000 is unknown here, so its group has to be given too"),
    ],
)
def test_identity_that_is_not_there_is_a_mistake_in_the_options(options, message):
    with pytest.raises(ConfigError) as caught:
        identity_of(**options)
    assert str(caught.value) == message


def become(**options):
    done = subprocess.run(
        [sys.executable, "-c", BECOME, json.dumps(options)], check=True, capture_output=True
    )
    return json.loads(done.stdout)


@as_root
def test_user_is_assumed_with_its_groups():
    entry = privileges.pwd.getpwnam("nobody")
    groups = os.getgrouplist("nobody", entry.pw_gid)
    uid, gid = entry.pw_uid, entry.pw_gid
    assert become(user="nobody") == [[uid] * 3, [gid] * 3, sorted(groups)]


@as_root
def test_number_without_an_entry_is_assumed_without_the_groups_of_root():
    assert become(user=54321, group=54322) == [[54321] * 3, [54322] * 3, [54322]]


@as_root
def test_group_is_assumed_alone():
    uid, gid, _ = become(group=54322)
    assert (uid, gid) == ([0] * 3, [54322] * 3)


def test_right_that_is_missing_is_told_in_one_line(monkeypatch):
    def refuse(*arguments):
        raise PermissionError(1, "Operation not permitted")

    for name in ("setuid", "setgid", "setgroups", "initgroups"):
        monkeypatch.setattr(os, name, refuse)
    with pytest.raises(StartupError) as caught:
        Identity(54321, 54322).assume()
    assert str(caught.value) == ("cannot serve as user 54321, group 54322: operation not permitted")


def test_who_is_the_user_already_needs_no_right(monkeypatch):
    for name in ("setuid", "setgid", "setgroups", "initgroups"):
        monkeypatch.delattr(os, name)
    monkeypatch.setattr(privileges, "current_uids", lambda: (1000, 1000, 1000))
    monkeypatch.setattr(privileges, "current_gids", lambda: (1001, 1001, 1001))
    Identity(1000, 1001, "www").assume()


def test_file_of_the_user_already_needs_no_right(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "chown")
    Identity(os.getuid(), tmp_path.stat().st_gid).own(str(tmp_path))
    Identity(None, tmp_path.stat().st_gid).own(str(tmp_path))


@as_root
def test_file_is_given_to_the_user(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    Identity(54321, 54322).own(str(link))
    assert (link.lstat().st_uid, link.lstat().st_gid) == (54321, 54322)
    assert tmp_path.stat().st_uid == 0
    with (tmp_path / "file").open("w") as file:
        Identity(54321, 54322).own(file.fileno())
        assert os.fstat(file.fileno()).st_uid == 54321


def test_umask_is_set_when_it_is_given():
    before = os.umask(0o022)
    try:
        apply_umask(Config("main:app"))
        assert os.umask(0o022) == 0o022
        apply_umask(Config("main:app", umask="027"))
        assert os.umask(0o022) == 0o027
    finally:
        os.umask(before)
