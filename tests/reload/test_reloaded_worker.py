import importlib.util
import os

from asgiserve.reload.reloaded_worker import forget_bytecode


def test_compiled_form_of_a_module_is_removed(tmp_path):
    compiled = importlib.util.cache_from_source(str(tmp_path / "main.py"))
    os.makedirs(os.path.dirname(compiled))
    for name in (compiled, tmp_path / "main.py"):
        with open(name, "w"):
            pass
    forget_bytecode(str(tmp_path / "main.py"))
    assert not os.path.exists(compiled)
    assert (tmp_path / "main.py").exists()


def test_what_has_no_compiled_form_is_left_alone(tmp_path):
    forget_bytecode(str(tmp_path / "gone.py"))
    (tmp_path / "page.html").touch()
    forget_bytecode(str(tmp_path / "page.html"))
    assert (tmp_path / "page.html").exists()
