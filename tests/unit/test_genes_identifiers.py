"""What a row name means: kind, species, canonical gene."""

import gzip
import re
from pathlib import Path

import pytest

from epigpt.genes import annotation, id_kinds, identifiers, row_kinds
from epigpt.genes.spreadsheet import dates

MOUSE_IDS = ["ENSMUSG00000020524.11", "ENSMUSG00000033981.3", "ENSMUSG00000004366"]


def first_column(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        next(file)
        return [re.split(r"[\t,]", line, maxsplit=1)[0].strip('"') for line in file]


@pytest.mark.parametrize(
    ("ids", "kind"),
    [
        (MOUSE_IDS, "ensembl"),
        (
            [
                "ENSG00000132170.21|PPARG|protein_coding",
                "ENSG00000157005_SST",
                "GRCh38_ENSG00000100362",
            ],
            "ensembl",
        ),
        (["GFAP", "SST", "GRIA1", "C3"], "symbol"),
        (["Gfap", "Sst", "Gria1", "0610007P14Rik"], "symbol"),
        (["gfap", "sst1.1", "gria1a", "scn1lab"], "symbol"),
        (["A1BG|1", "GFAP|2670", "SST|6750", "GRIA2|2891"], "symbol"),
        (["2670", "6750", "2890", "100287102"], "entrez"),
        ([2670.0, 6750.0, 2890.0], "entrez"),
        (["NM_002055", "NR_046018.2", "XM_011524"], "refseq"),
        (["1007_s_at", "1053_at", "117_at"], "probe"),
        (["ILMN_1343291", "ILMN_1651209"], "probe"),
        ([str(i) for i in range(50)], "unknown"),
        (["GSM2545336", "GSM2545337"], "unknown"),
        (["control_1", "control_2", "KO.3", "WT-4"], "unknown"),
        (["AAACCTGAGAAACCAT-1", "AAACCTGAGAAACCTA-1"], "unknown"),
        ([], "unknown"),
        (["", None, float("nan")], "unknown"),
    ],
)
def test_kind_of_ids(ids, kind):
    assert id_kinds.id_type(ids) == kind


@pytest.mark.parametrize(("existing", "kind"), [(1, "unknown"), (3, "symbol")])
def test_names_are_symbols_where_a_fifth_of_them_exists_in_one_species(existing, kind):
    known = annotation.annotation("zebrafish").known - annotation.annotation("human").known
    names = [*sorted(known)[-existing:], *(f"Wild{letter}" for letter in "BCDFGHJKLM"[existing:])]
    assert len(names) == 10
    assert id_kinds.id_type(names) == kind


def test_summary_rows_and_spike_ins_do_not_hide_the_kind():
    ids = ["__no_feature", "__ambiguous", "N_unmapped", "ERCC-00002", "ERCC-00003", *MOUSE_IDS]
    assert id_kinds.id_type(ids) == "ensembl"
    assert id_kinds.id_shares(ids)["ensembl"] == 1.0


@pytest.mark.parametrize(
    ("prefix", "organism"),
    [
        ("ENSG", "human"),
        ("ENSMUSG", "mouse"),
        ("ENSRNOG", "rat"),
        ("ENSDARG", "zebrafish"),
        ("ENSSSCG", None),
    ],
)
def test_ensembl_prefix_names_the_species(prefix, organism):
    assert id_kinds.guess_organism([f"{prefix}{i:011d}" for i in range(1, 30)]) == organism


def test_a_mixture_of_two_species_stays_open():
    ids = [f"ENSG{i:011d}" for i in range(20)] + [f"ENSMUSG{i:011d}" for i in range(20)]
    assert id_kinds.guess_organism(ids) is None


@pytest.mark.parametrize("organism", ["human", "zebrafish"])
def test_symbols_name_the_species(organism):
    assert (
        id_kinds.guess_organism(sorted(set(annotation.own_genes(organism)["symbol"]))) == organism
    )


def test_symbols_that_mouse_and_rat_share_stay_open():
    assert (
        id_kinds.guess_organism(
            [
                "Gfap",
                "Vim",
                "Sst",
                "Pvalb",
                "Gria1",
                "Fos",
                "Fosb",
                "Egr1",
                "Junb",
                "Gad1",
                "Gad2",
                "Npy",
            ]
        )
        is None
    )


def test_canonical_strips_versions_reads_composites_and_sets_rows_aside():
    ids = [
        "ENSG00000132170.21|PPARG|protein_coding",
        "ENSG00000157005.4",
        "ENSG00000157005.4_PAR_Y",
        "ERCC-00002",
        "__not_aligned",
        "",
    ]
    rows, summary = identifiers.canonical(ids, "human")
    assert list(rows["gene"][:3]) == ["ENSG00000132170", "ENSG00000157005", "ENSG00000157005"]
    assert list(rows["symbol"][:3]) == ["PPARG", "SST", "SST"]
    assert list(rows["keep"]) == [True, True, True, False, False, False]
    assert list(rows["reason"][3:]) == [
        row_kinds.SPIKE_IN,
        row_kinds.TRAILER,
        row_kinds.NO_IDENTIFIER,
    ]
    assert (summary["n_in"], summary["n_out"], summary["summed"], summary["versions_stripped"]) == (
        6,
        2,
        1,
        3,
    )
    assert summary["dropped"] == {
        row_kinds.NO_IDENTIFIER: 1,
        row_kinds.SPIKE_IN: 1,
        row_kinds.TRAILER: 1,
    }
    assert "counts of 1 rows added" in summary["how"]


@pytest.mark.parametrize(
    "text",
    [
        "ENSG00000132170.21|PPARG|protein_coding",
        "PPARG_ENSG00000132170",
        "ENSG00000132170:PPARG",
        "ENSG00000132170;PPARG",
        "ENSG00000132170 PPARG",
    ],
)
def test_symbol_beside_an_ensembl_id(text):
    rows, _ = identifiers.canonical([text], None, id_kind="ensembl")
    assert rows.loc[0, ["gene", "symbol"]].tolist() == ["ENSG00000132170", "PPARG"]


def test_symbol_column_of_the_table_comes_before_our_own():
    rows, summary = identifiers.canonical(MOUSE_IDS, "mouse", symbols=["GluA1", "", "-"])
    assert list(rows["symbol"]) == ["GluA1", "Gria2", "Sst"]
    assert "the count table" in summary["symbols_from"]
    assert "own tables" in summary["symbols_from"]
    assert summary["symbol_share"] == 1.0


def test_without_a_species_the_id_stands_for_the_symbol():
    rows, summary = identifiers.canonical(MOUSE_IDS, None)
    assert list(rows["symbol"]) == list(rows["gene"])
    assert summary["symbol_share"] == 0.0
    assert summary["symbols_from"] == "none"


def test_case_is_never_folded():
    rows, summary = identifiers.canonical(["SST", "Sst", "sst"], "mouse", id_kind="symbol")
    assert list(rows["gene"]) == ["SST", "Sst", "sst"]
    assert summary["summed"] == 0


def test_prefixes_of_two_genome_references_are_removed():
    rows, _ = identifiers.canonical(
        ["GRCh38_SST", "gene-GFAP", "SST|6750"], "human", id_kind="symbol"
    )
    assert list(rows["gene"]) == ["SST", "GFAP", "SST"]


def test_real_genes_are_not_taken_for_spike_ins_or_trailers():
    rows, _ = identifiers.canonical(["ERCC1", "ERCC6L", "NOP2", "N4BP1"], "human", id_kind="symbol")
    assert rows["keep"].all()


@pytest.mark.parametrize(
    ("text", "possible"),
    [
        ("1-Mar", ["MARCHF1", "MTARC1"]),
        ("Mar-03", ["MARCHF3"]),
        ("2-Sep", ["SEPTIN2"]),
        ("7-Sept", ["SEPTIN7"]),
        ("1-Dec", ["DELEC1"]),
        ("2021-09-02 00:00:00", ["SEPTIN2"]),
        ("9/4/2021", ["SEPTIN4"]),
        ("44256", []),
    ],
)
def test_dates_name_what_they_may_have_been(text, possible):
    assert dates(["GFAP", "SST", "VIM", text]) == {text: possible}


def test_names_that_only_resemble_dates():
    assert (
        dates(
            [
                "SEPT2",
                "MARCH1",
                "sep-1",
                "Dec1",
                "DEC-205",
                "HLA-A",
                "RP11-34P13.7",
                "1/2-SBSRNA4",
                "NKX2-1",
            ]
        )
        == {}
    )
    assert dates(["44256", "2670", "6750"]) == {}  # Entrez ids


def test_dates_are_set_aside_unless_an_ensembl_id_tells_the_gene():
    rows, summary = identifiers.canonical(["GFAP", "SST", "VIM", "1-Mar", "1-Mar"], "human")
    assert list(rows["keep"]) == [True, True, True, False, False]
    assert summary["dropped"] == {identifiers.DATE: 2}
    assert summary["dates"] == {"1-Mar": ["MARCHF1", "MTARC1"]}
    rows, _ = identifiers.canonical(["ENSG00000157005"], "human", symbols=["2-Sep"])
    assert rows["keep"].all()
    assert rows.loc[0, "symbol"] == "SST"


def test_entrez_ids_take_the_symbols_given_beside_them():
    rows, summary = identifiers.canonical(
        [2670, 6750.0, 1], "human", symbols=["GFAP", "SST", None], id_kind="entrez"
    )
    assert list(rows["gene"]) == ["2670", "6750", "1"]
    assert list(rows["symbol"]) == ["GFAP", "SST", "1"]
    assert summary["canonical"] == "Entrez gene id"
    assert summary["symbol_share"] == pytest.approx(2 / 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "kind", "organism", "aside"),
    [
        (
            "geo-mirror/series/GSE96nnn/GSE96870/suppl/GSE96870_counts_cerebellum.csv.gz",
            "symbol",
            "mouse",
            0,
        ),
        ("geo-mirror/series/GSE67nnn/GSE67835/suppl/GSE67835_counts.csv.gz", "symbol", "human", 3),
        (
            "geo-mirror/series/GSE29nnn/GSE29087/suppl/GSE29087_L139_expression_tab.tsv.gz",
            "symbol",
            "mouse",
            1225,  # eight spike-ins, and repeats of the genome
        ),
        ("data/human_lcl_sex_geuvadis/counts.tsv.gz", "ensembl", "human", 0),
        ("data/mouse_hippocampus_subfields_GSE100225/00_countData.csv.gz", "symbol", "mouse", 0),
    ],
)
def test_public_tables(shared, path, kind, organism, aside):
    names = first_column(shared / path)
    assert id_kinds.id_type(names) == kind
    assert id_kinds.guess_organism(names) == organism
    rows, summary = identifiers.canonical(names, organism, id_kind=kind)
    assert len(rows) == len(names)
    assert (~rows["keep"]).sum() == aside
    assert summary["dates"] == {}
