"""What `make bench-series` asks: labelled real series of the test material, and simulated families.

Paths count from the folder with test material.
"""

_SUBFIELDS = "data/mouse_hippocampus_subfields_GSE100225"
_DISSOCIATION = "data/mouse_hippocampus_dissociation_GSE99765"
_GEUVADIS = "data/human_lcl_sex_geuvadis"
_PICKRELL = "data/human_lcl_sex_pickrell"
_SWIM = "data/mouse_hippocampus_swim_stress_TRAP"
_PTEN = "data/mouse_cortex_pten_SRP044242"
_TUBERCULOSIS = "data/human_dendritic_tb_GSE94116"


def _sheet(folder: str, organism: str, **cells: str) -> dict[str, str]:
    return {
        "source": f"{folder}/counts.tsv.gz",
        "samples": f"{folder}/samples.tsv",
        "organism": organism,
        "assay": "bulk",
        **cells,
    }


def _subfields(**cells: str) -> dict[str, str]:
    return {
        "source": f"{_SUBFIELDS}/00_countData.csv.gz",
        "samples": f"{_SUBFIELDS}/00_colData.csv",
        "organism": "mouse",
        "assay": "bulk",
        "group": "ID",
        **cells,
    }


def _temporal_lobe(case: str, control: str) -> dict[str, str]:
    return {
        "source": "GSE67835",
        "assay": "single_cell",
        "label": "cell type",
        "case": case,
        "control": control,
        "group": "experiment_sample_name",
    }


SERIES: dict[str, dict[str, str]] = {
    "GSE96870_infection": {
        "source": "GSE96870",
        "label": "infection",
        "case": "InfluenzaA",
        "control": "NonInfected",
        "group": "mouse",
    },
    "GSE96870_time": {"source": "GSE96870", "label": "time", "group": "mouse"},
    "GSE96870_sex": {
        "source": "GSE96870",
        "label": "sex",
        "case": "Male",
        "control": "Female",
        "group": "mouse",
    },
    "GSE100225_training": _subfields(label="training", case="trained", control="yoked"),
    "GSE100225_subfield": _subfields(label="subfield"),
    "GSE100225_DG_CA1": _subfields(label="subfield", case="DG", control="CA1"),
    "GSE67835_neurons": _temporal_lobe("neurons", "astrocytes"),
    "GSE67835_oligodendrocytes": _temporal_lobe("oligodendrocytes", "astrocytes"),
    "GEUVADIS_sex": {
        "source": f"{_GEUVADIS}/counts.tsv.gz",
        "samples": f"{_GEUVADIS}/metadata.tsv.gz",
        "organism": "human",
        "assay": "bulk",
        "label": "group",
        "case": "Male",
        "control": "Female",
    },
    "Pickrell_sex": _sheet(_PICKRELL, "human", label="gender", case="male", control="female"),
    "swim_stress": _sheet(
        _SWIM, "mouse", label="Condition", case="Swim", control="Homecage", group="AnimalNumber"
    ),
    "swim_region": _sheet(
        _SWIM, "mouse", label="Region", case="vHC", control="dHC", group="AnimalNumber"
    ),
    "Pten_homozygous": _sheet(
        _PTEN, "mouse", label="genotype_s", case="Pten m3m4/m3m4", control="Pten wt/wt"
    ),
    "Pten_heterozygous": _sheet(
        _PTEN, "mouse", label="genotype_s", case="Pten wt/m3m4", control="Pten wt/wt"
    ),
    "Pten_genotype": _sheet(_PTEN, "mouse", label="genotype_s"),
    "tuberculosis_status": _sheet(
        _TUBERCULOSIS, "human", label="status", case="suscep", control="resist", group="individual"
    ),
    "tuberculosis_infection": _sheet(
        _TUBERCULOSIS,
        "human",
        label="treatment",
        case="infect",
        control="noninf",
        group="individual",
    ),
    "GSE99765_dissociation": {
        "source": f"{_DISSOCIATION}/GSE99765_DissociationCountData.csv.gz",
        "samples": f"{_DISSOCIATION}/GSE99765_DissociationColData.csv",
        "organism": "mouse",
        "assay": "bulk",
        "label": "Treatment",
        "case": "dissociated",
        "control": "control",
        "group": "Mouse",
    },
}
