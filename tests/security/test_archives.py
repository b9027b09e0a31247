"""Archives and HDF5 files made to harm: refused before anything is written outside the folder of
ours or memory is filled."""

import bz2
import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest

from epigpt.errors import InputError
from epigpt.matrices import hdf5_safety
from epigpt.matrices.archives import expand
from epigpt.matrices.streams import Budget, Member


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def refused(path: Path, scratch: Path, told: str, limit: float = 1e7) -> None:
    with pytest.raises(InputError) as caught:
        expand(Member.of_file(path), Budget(limit), scratch)
    assert told in str(caught.value)
    assert all(found.parent == scratch for found in scratch.rglob("*"))
    assert not (path.parent / "evil").exists()


def tar_of(path: Path, mode: str, **entry: object) -> Path:
    with tarfile.open(path, mode) as archive:
        info = tarfile.TarInfo(str(entry.pop("name", "a.txt")))
        for key, value in entry.items():
            setattr(info, key, value)
        archive.addfile(info, io.BytesIO(b"x" * info.size))
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz"])
@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"name": "/etc/passwd", "size": 3}, "absolute path"),
        ({"name": "../evil", "size": 3}, "'..'"),
        ({"name": "a/../../evil", "size": 3}, "'..'"),
        ({"name": "..\\evil", "size": 3}, "'..'"),
        ({"name": "C:evil", "size": 3}, "absolute path"),
        ({"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}, "link to '/etc/passwd'"),
        ({"type": tarfile.LNKTYPE, "linkname": "b"}, "a link"),
        ({"type": tarfile.CHRTYPE}, "device"),
        ({"type": tarfile.FIFOTYPE}, "device or pipe"),
        ({"name": "big.txt", "size": 2_000_000}, "geo.max_unpacked_gb"),
    ],
)
def test_members_of_a_tar_that_would_do_harm(tmp_path, scratch, mode, entry, told):
    path = tar_of(tmp_path / f"GSE1_RAW.tar{'.gz' if mode != 'w' else ''}", mode, **dict(entry))
    refused(path, scratch, told, limit=1e6)


@pytest.mark.parametrize("name", ["/abs.txt", "../evil", "x/../../evil"])
def test_members_of_a_zip_that_would_leave_the_folder(tmp_path, scratch, name):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(name, "x")
    refused(tmp_path / "a.zip", scratch, "'..'")


def test_a_link_in_a_zip(tmp_path, scratch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        entry = zipfile.ZipInfo("a.txt")
        entry.external_attr = 0o120777 << 16
        archive.writestr(entry, "/etc/passwd")
    refused(tmp_path / "a.zip", scratch, "link")


def test_a_zip_that_unpacks_to_too_much(tmp_path, scratch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", b"\0" * 20_000_000)
    assert (tmp_path / "a.zip").stat().st_size < 100_000
    refused(tmp_path / "a.zip", scratch, "geo.max_unpacked_gb")


def test_a_damaged_archive(tmp_path, scratch):
    (tmp_path / "a.zip").write_bytes(b"PK no archive")
    refused(tmp_path / "a.zip", scratch, "damaged archive")


def test_archives_within_archives_without_end(tmp_path, scratch):
    content, name = b"x", "a.txt"
    for _ in range(7):
        inner = io.BytesIO()
        with tarfile.open(fileobj=inner, mode="w") as archive:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        content, name = inner.getvalue(), "a.tar"
    (tmp_path / "a.tar").write_bytes(content)
    refused(tmp_path / "a.tar", scratch, "deep")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_compressed_file_that_unpacks_to_too_much_is_stopped_on_the_way(tmp_path, pack):
    (tmp_path / "a.txt.gz").write_bytes(pack(b"\0" * 30_000_000))
    budget = Budget(1e6)
    with (
        pytest.raises(InputError, match=r"geo\.max_unpacked_gb"),
        Member.of_file(tmp_path / "a.txt.gz").open(budget) as stream,
    ):
        list(iter(lambda: stream.read(1 << 16), b""))
    assert budget.spent < 4e6


def test_a_compressed_file_that_is_cut_off_or_has_several_members(tmp_path):
    path, content = tmp_path / "a.gz", np.random.default_rng(0).bytes(100_000)
    path.write_bytes(
        gzip.compress(content[:50_000]) + gzip.compress(content[50_000:]) + b"\0" * 100
    )
    with Member.of_file(path).open(Budget(1e6)) as stream:
        assert stream.read() == content
    path.write_bytes(gzip.compress(content)[:-9])
    with (
        pytest.raises(InputError, match="damaged"),
        Member.of_file(path).open(Budget(1e6)) as stream,
    ):
        stream.read()


def opened(path: Path, scratch: Path, told: str, limit: float = 1e6) -> None:
    with (
        pytest.raises(InputError) as caught,
        hdf5_safety.opened(Member.of_file(path), Budget(limit), scratch),
    ):
        pass
    assert told in str(caught.value)


def test_hdf5_that_reaches_out_of_its_file(tmp_path, scratch):
    path = tmp_path / "a.h5"
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = [1, 2, 3]
    with h5py.File(path, "w") as file:
        file["X"] = h5py.ExternalLink("other.h5", "/secret")
    opened(path, scratch, "link into another file")
    with h5py.File(path, "w") as file:
        file["X"] = h5py.SoftLink("/somewhere")
    opened(path, scratch, "symbolic link")
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (3,), "i8", external=[(str(tmp_path / "other.h5"), 0, 24)])
    opened(path, scratch, "lie in other files")
    with h5py.File(path, "w") as file:
        layout = h5py.VirtualLayout((3,), "i8")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (3,))
        file.create_virtual_dataset("X", layout)
    opened(path, scratch, "lie in other files")


def test_hdf5_that_unpacks_to_too_much(tmp_path, scratch):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("X", (100_000, 10_000), "f8", chunks=(1000, 1000), compression="gzip")
    opened(path, scratch, "geo.max_unpacked_gb")


def test_a_damaged_hdf5_file(tmp_path, scratch):
    (tmp_path / "a.h5").write_bytes(hdf5_safety.MAGIC + b"nothing")
    opened(tmp_path / "a.h5", scratch, "damaged HDF5")


def test_nothing_here_unpickles_or_evaluates(root):
    folder = root / "workflow" / "epigpt" / "geo" / "matrices"
    for path in folder.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        for word in ("import pickle", "allow_pickle", "eval(", "exec(", "read_pickle", "np.load"):
            assert word not in text, f"{word} in {path.name}"


def test_a_zip_archive_whose_table_of_contents_was_lost_is_refused(tmp_path, scratch):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("a.txt", "gene\tA\n" * 50)
    damaged = bytearray(content.getvalue())
    damaged[-22 + 8 : -22 + 16] = bytes(8)  # numbers of entries and size of the table
    (tmp_path / "a.zip").write_bytes(bytes(damaged))
    refused(tmp_path / "a.zip", scratch, "table of contents")
