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


@pytest.mark.parametrize(
    ("key", "text", "written"),
    [
        ("learning_rate", "1e-3", "1.0e-3"),
        ("learning_rate", "2E-4", "2.0e-4"),
        ("epochs", "1e2", "100"),
    ],
)
def test_a_number_that_yaml_takes_for_a_text_is_written_out(key, text, written) -> None:
    with pytest.raises(InputError, match=key) as caught:
        loading.validated(yaml.safe_load(f"{key}: {text}"))
    assert caught.value.remedy.endswith(f"in YAML this number is written {written}")
    assert getattr(loading.validated(yaml.safe_load(f"{key}: {written}")), key) == float(text)


@pytest.mark.parametrize(
    ("text", "told", "mended"),
    [
        ("epochs: 3\nfolds: 4\nepochs: 4\n", "key 'epochs' twice", "epochs: 3\nfolds: 4\n"),
        ("geo:\n  retries: 1\n  retries: 2\n", "'retries' twice", "geo:\n  retries: 2\n"),
        ("seed: 017\n", "YAML takes it for 15", "seed: 15\n"),
        ("epochs: 1:30\n", "YAML takes it for 90", "epochs: 90\n"),
        ("geo.retries: 2\n", "write 'geo:' and below it", "geo:\n  retries: 2\n"),
    ],
)
def test_what_yaml_reads_otherwise_than_a_person(tmp_path, text, told, mended) -> None:
    (tmp_path / "datasets.tsv").write_text("dataset\tsource\n")
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        load(yaml.safe_load(text), [path], tmp_path)
    assert told in str(caught.value)
    assert str(path) in caught.value.where or "config key" in caught.value.where
    path.write_text(mended)
    load(yaml.safe_load(mended), [path], tmp_path)


def test_what_a_list_names_twice_counts_once() -> None:
    settings = loading.validated(
        {"baselines": ["ktsp", "majority", "ktsp"], "comparisons": ["finetuned_no_blocks"] * 2}
    )
    assert settings.baselines == ["ktsp", "majority"]
    assert settings.comparisons == ["finetuned_no_blocks"]


def test_aliases_of_a_section_may_add_to_it(tmp_path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("geo: &one\n  retries: 1\nother:\n  <<: *one\n  <<: *one\n  retries: 2\n")
    assert config_files.read(path)["other"] == {"retries": 2}


def test_programs_have_no_next_token_to_adapt_to(tmp_path: Path) -> None:
    (tmp_path / "datasets.tsv").write_text("dataset\tsource\n")
    config = {"datasets": str(tmp_path / "datasets.tsv"), "adapt": 2}
    with pytest.raises(InputError, match="encoding: program-tokens") as refusal:
        load(config, [], tmp_path)
    assert "encoding: gene-values" in str(refusal.value)
    assert load({**config, "encoding": "gene-values"}, [], tmp_path).adapt == 2
    assert load({**config, "adapt": 0}, [], tmp_path).encoding == "program-tokens"
