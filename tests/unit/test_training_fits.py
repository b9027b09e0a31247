"""All fits in one process: what is finished is kept, what changed is made again, nothing half-made
is handed over."""

import logging
from pathlib import Path

import pytest

from epigpt.training import changed_weights, finished_fit, fit, fits, launch
from epigpt.training.request import Kept, Request

LOG = logging.getLogger("test")
NAMES = ("repeat0/fold0", "repeat0/fold1", "final")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Trainings that ran; a stand-in writes the files of a fit and signs them."""
    trained: list[str] = []

    def run(request: Request, _threads: int, _log: logging.Logger) -> None:
        identity = str(request.settings["version"].get(request.fit, 0))
        if finished_fit.is_finished(request.output, identity, request.kept):
            return
        if request.settings["broken"] == request.fit:
            raise RuntimeError("killed")
        trained.append(request.fit)
        request.output.mkdir(parents=True, exist_ok=True)
        sparing = request.settings["blocks"] == "frozen" and request.kept is Kept.CHANGES
        weights = changed_weights.FILE if sparing else finished_fit.WEIGHTS
        for name in (weights, "config.json", "predictions.tsv"):
            (request.output / name).write_text(f"{request.fit} {identity}")
        finished_fit.sign(request.output, identity)

    monkeypatch.setattr(fit, "run", run)
    monkeypatch.setattr(launch, "keep", lambda _threads: None)
    return trained


def _run(
    folders: fits.Folders,
    names: tuple[str, ...] = NAMES,
    broken: str = "",
    blocks: str = "trained",
    **version: int,
) -> None:
    changed = {name.replace("_", "/"): number for name, number in version.items()}
    settings = {"version": changed, "broken": broken, "blocks": blocks}
    requests = [
        Request(Path("tokens"), name, "tiny", Path("c"), Path("o"), settings) for name in names
    ]
    fits.train(requests, folders, 1, LOG)
    fits.hand_over(names, folders)


@pytest.fixture
def folders(tmp_path: Path) -> fits.Folders:
    return fits.Folders(tmp_path / "models", tmp_path / "checkpoints")


@pytest.mark.slow
def test_every_fit_has_its_folder_and_a_second_run_trains_nothing(
    folders: fits.Folders, made: list[str]
) -> None:
    _run(folders)
    assert made == list(NAMES)
    for name in NAMES:
        assert (folders.models / name / "predictions.tsv").read_text() == f"{name} 0"
    assert not folders.checkpoints.exists()
    _run(folders)
    assert made == list(NAMES)


@pytest.mark.slow
def test_a_changed_fold_reruns_alone(folders: fits.Folders, made: list[str]) -> None:
    _run(folders)
    made.clear()
    _run(folders, repeat0_fold1=1)
    assert made == ["repeat0/fold1"]
    assert (folders.models / "repeat0/fold1/predictions.tsv").read_text() == "repeat0/fold1 1"


@pytest.mark.slow
def test_finished_fits_survive_a_failed_job(folders: fits.Folders, made: list[str]) -> None:
    with pytest.raises(RuntimeError):
        _run(folders, broken="final")
    assert not folders.models.exists()  # Snakemake would delete it
    _run(folders)
    assert made == list(NAMES)


@pytest.mark.slow
def test_a_failure_of_a_later_run_loses_no_finished_fit(
    folders: fits.Folders, made: list[str]
) -> None:
    _run(folders)
    made.clear()
    with pytest.raises(RuntimeError):
        _run(folders, broken="repeat0/fold1", repeat0_fold1=1)
    for place in folders.models.rglob("*"):
        assert not place.is_file()
    _run(folders, repeat0_fold1=1)
    assert made == ["repeat0/fold1"]


@pytest.mark.slow
def test_folds_that_nobody_asks_for_are_gone(folders: fits.Folders, made: list[str]) -> None:
    _run(folders)
    _run(folders, names=("repeat0/fold0", "final"))
    assert not (folders.models / "repeat0/fold1").exists()


@pytest.mark.slow
def test_a_damaged_fit_is_made_again(folders: fits.Folders, made: list[str]) -> None:
    _run(folders)
    made.clear()
    (folders.models / "repeat0/fold0/model.safetensors").unlink()
    _run(folders)
    assert made == ["repeat0/fold0"]


@pytest.mark.slow
def test_weights_that_nobody_keeps_are_gone_and_made_again_when_wanted(
    tmp_path: Path, made: list[str]
) -> None:
    sparing = fits.Folders(tmp_path / "models", tmp_path / "checkpoints", keep_fold_weights=False)
    _run(sparing)
    assert not (tmp_path / "models/repeat0/fold1/model.safetensors").exists()
    assert (tmp_path / "models/repeat0/fold1/predictions.tsv").is_file()
    assert (tmp_path / "models/final/model.safetensors").is_file()
    made.clear()
    _run(sparing)
    assert made == ["repeat0/fold0", "repeat0/fold1"]


@pytest.mark.slow
def test_what_folds_changed_stays_and_nothing_is_made_again(
    tmp_path: Path, made: list[str]
) -> None:
    sparing = fits.Folders(tmp_path / "models", tmp_path / "checkpoints", keep_fold_weights=False)
    _run(sparing, blocks="frozen")
    fold, final = tmp_path / "models/repeat0/fold1", tmp_path / "models/final"
    assert (fold / changed_weights.FILE).is_file()
    assert not (fold / finished_fit.WEIGHTS).exists()
    assert (final / finished_fit.WEIGHTS).is_file()
    made.clear()
    _run(sparing, blocks="frozen")
    assert made == []
    # Whole weights of folds are made once somebody wants them.
    keeping = fits.Folders(tmp_path / "models", tmp_path / "checkpoints")
    _run(keeping, blocks="frozen")
    assert made == ["repeat0/fold0", "repeat0/fold1"]
    assert (fold / finished_fit.WEIGHTS).is_file()
