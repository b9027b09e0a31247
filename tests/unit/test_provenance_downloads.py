"""Downloaded files that were cut, replaced, deleted or copied since they were fetched."""

import os
import shutil
from pathlib import Path

import pytest

from epigpt import files
from epigpt.cli import main
from epigpt.errors import InputError
from epigpt.geo.manifest import write_manifest
from epigpt.provenance import downloads, output_checksums, run_start
from epigpt.transport.resume import Fetched

NAME = "GSE7_counts.txt"
TEXT = "gene\ts1\ns\t1\nt\t2\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A working directory with a downloaded file, beside which stands a local one."""
    folder = tmp_path / "run" / "results" / "a" / "geo"
    folder.mkdir(parents=True)
    (folder / NAME).write_text(TEXT)
    local = tmp_path / "local.csv"
    local.write_text("mine\n")
    lines = [
        Fetched(name, "https://x", path.stat().st_size, files.sha256(path), "2024")
        for name, path in ((NAME, folder / NAME), (str(local), local))
    ]
    write_manifest(folder / "manifest.tsv", lines)
    noted = [folder / "manifest.tsv"]
    output_checksums.write(folder.parent / "logs" / "download.log", noted, tmp_path / "run")
    return tmp_path / "run"


def check(root: Path) -> list[str]:
    told: list[str] = []
    run_start.check(root, ["--cores", "2"], told.append)
    return told


def test_whole_downloads_are_left_alone(root, tmp_path):
    manifest = root / "results" / "a" / "geo" / "manifest.tsv"
    (tmp_path / "local.csv").write_text("mine, and changed: Snakemake sees to that\n")
    assert check(root) == []
    assert [path.name for path in downloads.paths(manifest)] == [NAME, "local.csv"]
    assert main(["verify", str(root)]) == 0


@pytest.mark.parametrize("content", ["", TEXT[:-4], TEXT.replace("2", "9")])
def test_a_changed_download_is_fetched_again_and_never_read(root, content, capsys):
    path = root / "results" / "a" / "geo" / NAME
    path.write_text(content)
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))
    with pytest.raises(InputError, match="not as it was downloaded"):
        downloads.paths(path.with_name("manifest.tsv"))
    assert main(["verify", str(root)]) == 1
    assert f"results/a/geo/{NAME}: " in capsys.readouterr().out
    assert path.exists()
    (told,) = check(root)
    assert f"results/a/geo/{NAME} is not as it was written" in told
    # Without its manifest, Snakemake downloads it again.
    assert not path.exists()
    assert not path.with_name("manifest.tsv").exists()


def test_a_change_of_equal_length_and_time_is_found_by_reading_everything(root):
    path = root / "results" / "a" / "geo" / NAME
    status = path.stat()
    path.write_text(TEXT.replace("2", "9"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert check(root) == []
    assert main(["verify", str(root)]) == 1


def test_a_deleted_download_is_missed_where_it_is_read_alone(root, capsys):
    path = root / "results" / "a" / "geo" / NAME
    path.unlink()
    assert check(root) == []  # who has the counts may make room
    assert main(["verify", str(root)]) == 0
    with pytest.raises(InputError, match="is gone") as caught:
        downloads.paths(path.with_name("manifest.tsv"))
    assert f"delete {path.with_name('manifest.tsv')}" in caught.value.remedy


@pytest.mark.parametrize(
    "text", ["", "file\turl\nGSE7_counts.txt\tx\n", "file\tbytes\tsha256\nx\tmany\tx\n"]
)
def test_an_edited_manifest_is_named_and_not_read(root, text):
    manifest = root / "results" / "a" / "geo" / "manifest.tsv"
    manifest.write_text(text)
    with pytest.raises(InputError, match="list of downloaded files") as refusal:
        downloads.paths(manifest)
    assert f"delete {manifest}" in refusal.value.remedy
    assert downloads.verify(root, full=True, repair=False) == (0, [])


def test_a_copied_folder_is_read_once(root, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(root, copy, copy_function=shutil.copy)
    path = copy / "results" / "a" / "geo" / NAME
    later = path.stat().st_mtime_ns + 10**12
    os.utime(path, ns=(later, later))
    assert check(copy) == []
    assert path.stat().st_mtime_ns < later


def test_a_deleted_result_is_named(root, capsys):
    (root / "results" / "a" / "geo" / "manifest.tsv").unlink()
    assert main(["verify", str(root)]) == 1
    said = capsys.readouterr().out
    assert "results/a/geo/manifest.tsv: gone" in said
    assert "Run the workflow again" in said
