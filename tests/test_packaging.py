"""What an installation gets: dependencies, extras, the lock file, the set-up script."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))
PACKAGES = {package["name"]: package for package in LOCK["package"]}


def names(requirements) -> set[str]:
    """As the lock file writes them: lower case, hyphens alone."""
    found = (re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in requirements)
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def test_base_dependencies():
    wanted = {
        "msgspec",
        "apsw",
        "click",
        "rich",
        "platformdirs",
        "backports-zstd",
        "markdown-it-py",
        "pygments",
    }
    assert names(PROJECT["project"]["dependencies"]) == wanted


def test_the_extra_all_names_every_extra():
    extras = PROJECT["project"]["optional-dependencies"]
    wanted = ",".join(sorted(extras.keys() - {"all"}))
    assert [re.sub(r"\s", "", line) for line in extras["all"]] == [f"recollect[{wanted}]"]


def test_the_lock_file_is_current():
    """``make lock`` (needs uv) after every change of dependencies."""
    locked = PACKAGES["recollect"]
    assert LOCK["requires-python"] == PROJECT["project"]["requires-python"]
    assert {each["name"] for each in locked["dependencies"]} == names(PROJECT["project"]["dependencies"])
    groups = {name: names(items) for name, items in PROJECT["dependency-groups"].items()}
    assert {
        name: {each["name"] for each in items} for name, items in locked["dev-dependencies"].items()
    } == groups
    assert names(locked["metadata"]["provides-extras"]) == set(PROJECT["project"]["optional-dependencies"])


def test_the_lock_file_names_the_public_index_only():
    hosts = set()
    for package in PACKAGES.values():
        if package["name"] == "recollect":
            assert package["source"] == {"editable": "."}
            continue
        hosts.add(package["source"]["registry"])
        for file in [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]:
            url = urlsplit(file["url"])
            hosts.add(f"{url.scheme}://{url.netloc}")
            assert re.fullmatch(r"sha256:[0-9a-f]{64}", file["hash"])
    assert hosts == {"https://pypi.org/simple", "https://files.pythonhosted.org"}


@pytest.fixture
def setup_venv():
    spec = importlib.util.spec_from_file_location("setup_venv", ROOT / "scripts" / "setup_venv.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_venv(folder: Path, version: str) -> None:
    folder.mkdir()
    (folder / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}\n", encoding="utf-8")


def test_an_environment_that_is_not_there_has_to_be_set_up(setup_venv, tmp_path):
    assert setup_venv.main(["--check", str(tmp_path / "venv"), "run"]) == 1


def test_what_is_installed_is_not_installed_again(setup_venv, tmp_path, monkeypatch):
    venv = tmp_path / "venv"
    write_venv(venv, setup_venv.this_python())
    installed = []
    monkeypatch.setattr(setup_venv, "create", lambda folder: None)
    monkeypatch.setattr(setup_venv, "install", lambda folder, what: installed.append(what))
    for what in ("run", "run", "dev", "dev", "run"):
        assert setup_venv.main([str(venv), what]) == 0
    assert installed == ["run", "dev"]
    assert setup_venv.main(["--check", str(venv), "dev"]) == 0


def test_another_project_file_or_python_means_setting_up_anew(setup_venv, tmp_path, monkeypatch):
    venv = tmp_path / "venv"
    write_venv(venv, setup_venv.this_python())
    monkeypatch.setattr(setup_venv, "create", lambda folder: None)
    monkeypatch.setattr(setup_venv, "install", lambda folder, what: None)
    setup_venv.main([str(venv), "run"])
    assert setup_venv.read_state(venv) is not None
    changed = tmp_path / "pyproject.toml"
    changed.write_text("[project]\n", encoding="utf-8")
    with monkeypatch.context() as patch:
        patch.setattr(setup_venv, "PYPROJECT", changed)
        assert setup_venv.read_state(venv) is None
    (venv / "pyvenv.cfg").write_text("version = 3.9.1\n", encoding="utf-8")
    assert setup_venv.read_state(venv) is None
