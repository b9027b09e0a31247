"""Settings: what is refused, how it is said, and that the generated documents follow."""

import json
import re
from pathlib import Path

import pytest
import yaml

from epigpt.config import config_files, loading
from epigpt.config.documents import commented_config, documents
from epigpt.config.loading import load, validated
from epigpt.config.settings import Settings, keys
from epigpt.errors import InputError


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"epoch": 3}, ["unknown key 'epoch'", "did you mean 'epochs'?"]),
        (
            {"geo": {"base_ur": "https://x"}},
            ["unknown key 'geo.base_ur'", "did you mean 'geo.base_url'?"],
        ),
        ({"epochs": "many"}, ["epochs = 'many'", "whole number ≥ 1"]),
        ({"epochs": 0}, ["epochs = 0", "whole number ≥ 1"]),
        ({"epochs": True}, ["epochs = True", "whole number ≥ 1"]),
        ({"learning_rate": 1}, ["learning_rate = 1", "> 0 and < 1"]),
        ({"tuning": "ful"}, ["tuning = 'ful'", "full, lora, frozen", "did you mean 'full'?"]),
        ({"baselines": ["logisitc_l2"]}, ["logisitc_l2", "did you mean 'logistic_l2'?"]),
        ({"geo": {"base_url": "ftp://x"}}, ["ftp://x", "https"]),
        ({"geo": 3}, ["geo = 3"]),
        ({"quality": {"min_counts": "few"}}, ["few", "whole number ≥ 1 or auto"]),
        (
            {"epochs": 0, "fold": 2},
            ["2 problems", "epochs = 0", "unknown key 'fold'", "did you mean 'folds'?"],
        ),
    ],
)
def test_bad_settings_get_one_message_with_key_value_and_remedy(config, told):
    with pytest.raises(InputError) as caught:
        validated(config)
    for part in told:
        assert part in str(caught.value)


def test_the_message_names_the_file_that_holds_the_key(tmp_path):
    first, second = tmp_path / "a.yaml", tmp_path / "b.yaml"
    first.write_text("epochs: 3\n")
    second.write_text("fold: 3\n")
    with pytest.raises(InputError, match=re.escape(str(second))):
        validated({"epochs": 3, "fold": 3}, [first, second])


def test_paths_count_from_the_file_that_names_them(tmp_path):
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf" / "c.yaml"
    file.write_text("datasets: d.tsv\ngeo: {base_url: 'file://./mirror'}\n")
    (tmp_path / "conf" / "d.tsv").write_text("dataset\tsource\n")
    settings = load(yaml.safe_load(file.read_text()), [file], tmp_path)
    assert settings.datasets == str(tmp_path / "conf" / "d.tsv")
    assert settings.geo.base_url == (tmp_path / "conf" / "mirror").as_uri()


def test_a_table_that_is_nowhere_is_refused_with_the_places_searched(tmp_path):
    with pytest.raises(InputError) as caught:
        load({"datasets": "none.tsv"}, [], tmp_path)
    assert "none.tsv" in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_a_config_file_that_is_no_mapping_is_refused(tmp_path):
    file = tmp_path / "c.yaml"
    file.write_text("- a\n- b\n")
    with pytest.raises(InputError, match="key: value"):
        config_files.read(file)
    file.write_text("a: [\n")
    with pytest.raises(InputError, match="YAML"):
        config_files.read(file)


def test_every_key_is_described_and_reachable():
    settings = Settings()
    for key, field in keys().items():
        assert field.description, key
        settings.value(key)
    with pytest.raises(KeyError):
        settings.value("geo.nothing")


def test_generated_documents_are_up_to_date(root):
    stale = [
        str(path.relative_to(root))
        for path, content in documents(root).items()
        if path.read_text(encoding="utf-8") != content
    ]
    assert stale == [], "run `make documents`"


def test_the_commented_config_uncommented_is_the_defaults():
    live = "\n".join(re.sub(r"^#(?! \S)", "", line) for line in commented_config().splitlines())
    assert Settings.model_validate(yaml.safe_load(live)) == Settings()
    assert yaml.safe_load(commented_config()) is None


def test_the_schema_refuses_unknown_keys(root):
    schema = json.loads((root / "workflow" / "schemas" / "config.schema.json").read_text())
    assert schema["additionalProperties"] is False
    assert all(section["additionalProperties"] is False for section in schema["$defs"].values())


@pytest.mark.parametrize("text", ["1: 2", "geo: {3: x}", "transfer: [{1: 2}]", "null: 1"])
def test_keys_that_are_no_texts_are_one_message(text: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match="the name of a setting is text") as caught:
        loading.validated(config_files.read(path), [path])
    assert "c.yaml" in str(caught.value)


def test_aliases_without_end_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for number in range(1, 9):
        shown = ", ".join([f"*a{number - 1}"] * 9)
        lines.append(f"a{number}: &a{number} [{shown}]")
    path = tmp_path / "c.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(InputError, match="aliases"):
        loading.validated(config_files.read(path), [path])


def test_a_number_that_yaml_takes_for_a_text_is_written_out() -> None:
    with pytest.raises(InputError, match=r"written 1\.0e-3") as caught:
        loading.validated({"quality": {"min_counts": "1e-3"}})
    assert "min_counts" in str(caught.value)


def test_programs_have_no_next_token_to_adapt_to(tmp_path: Path) -> None:
    (tmp_path / "datasets.tsv").write_text("dataset\tsource\n")
    config = {"datasets": str(tmp_path / "datasets.tsv"), "adapt": 2}
    with pytest.raises(InputError, match="encoding: program-tokens") as refusal:
        load(config, [], tmp_path)
    assert "encoding: gene-values" in str(refusal.value)
    assert load({**config, "encoding": "gene-values"}, [], tmp_path).adapt == 2
    assert load({**config, "adapt": 0}, [], tmp_path).encoding == "program-tokens"
