"""What a data set's results hold: every file, and of every table the columns, their types, units
and meaning.

The one source of the README's list, of docs/results.md (`make documents`), of how the report reads
its tables, and of the test that holds finished results against the contract. The stages that write
the tables do not import it, so that a better wording reruns no model.
"""

from dataclasses import dataclass
from typing import Literal, cast, get_args

Kind = Literal["text", "number", "integer", "boolean"]


@dataclass(frozen=True)
class Column:
    """A column of a result table.

    Attributes
    ----------
    name
        As in the header.
    kind
        text, number, integer or boolean. What is not available is an empty cell.
    meaning
        What it says, with its unit where it has one.
    """

    name: str
    kind: Kind
    meaning: str


@dataclass(frozen=True)
class ResultFile:
    """A file or folder under results/{dataset}/.

    Attributes
    ----------
    name
        Path within the data set's folder.
    content
        What is in it, in one line.
    rows
        What a row stands for; empty for anything but a table.
    columns
        In the order of the file.
    open_ended
        Further columns may follow, such as the characteristics of samples.tsv.
    """

    name: str
    content: str
    rows: str = ""
    columns: tuple[Column, ...] = ()
    open_ended: bool = False

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [column.name for column in self.columns]

    @property
    def numbers(self) -> set[str]:
        """The names of the columns that hold numbers."""
        return {column.name for column in self.columns if column.kind in ("number", "integer")}


def _columns(text: str) -> tuple[Column, ...]:
    """Read a column a line: name, type, meaning; a line of names alone takes those of `_COMMON`."""
    read: list[Column] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, *rest = line.split(maxsplit=2)
        if len(rest) == 2 and rest[0] in get_args(Kind):
            read.append(Column(name, cast(Kind, rest[0]), rest[1]))
        else:
            read += [_COMMON[common] for common in line.split()]
    return tuple(read)


_COMMON: dict[str, Column] = {}
_COMMON |= {
    column.name: column
    for column in _columns("""
    sample            text     id of the sample
    group             text     donor, litter or other unit of inference
    label             text     class of the sample
    model             text     id as in `baselines` and `comparisons`; `finetuned` is GPT-2
    preset            text     model preset of GPT-2 and its variants
    repeat            integer  drawing of the folds, from 0
    fold              integer  fold, from 0, in which the sample is tested
    gene              text     canonical gene id
    symbol            text     gene symbol
    contrast          text     `case vs control`
    log2_fold_change  number   log2 units; positive: higher in the case
    p                 number   p of the test
    padj              number   p adjusted after Benjamini and Hochberg
    low               number   lower limit of the 95 % interval
    high              number   upper limit of the 95 % interval
    metric            text     auc, average_precision, f1, balanced_accuracy, mcc or brier
    set               text     name of the set
    n_samples         integer  samples
    n_groups          integer  groups
    """)
}
_SCORES = """
    model preset metric
    estimate          number   value of the metric on held-out samples
    low high
    null_mean         number   mean of the metric under permuted labels
    p                 number   share of permutations that do as well, the observed labels included
    p_floor           number   smallest p that so many groups and permutations allow
    n_samples n_groups
"""

FILES = (
    ResultFile("report.html", "the report, one file without references to anything outside"),
    ResultFile("figures/", "every figure as SVG and PNG with its data as TSV"),
    ResultFile("geo/", "the files that were downloaded"),
    ResultFile(
        "geo/manifest.tsv",
        "what was downloaded or read",
        rows="a file",
        columns=_columns("""
            file              text     name, relative to the manifest
            url               text     where it came from
            bytes             integer  size in bytes
            sha256            text     checksum
            time              text     when it was downloaded, UTC
        """),
    ),
    ResultFile(
        "samples.tsv",
        "the samples that are analysed, with their characteristics",
        rows="a sample",
        columns=_columns("""
            sample label group
        """),
        open_ended=True,
    ),
    ResultFile(
        "reading.json",
        (
            "which matrix was read and why: orientation, kind of values with "
            "evidence, gene ids, how columns and samples met, what `label` and `group` auto "
            "decided (with rows to paste), warnings, what was left out or refused"
        ),
    ),
    ResultFile(
        "counts.h5ad",
        (
            "raw counts; rows are samples or cells, columns genes by canonical id; "
            '`uns["genes"]` says how ids were mapped'
        ),
    ),
    ResultFile(
        "quality.tsv",
        "quality of each sample or cell, whether it was kept and, if not, why",
        rows="a sample, or a cell (then the first column is `cell`)",
        columns=_columns("""
            sample
            total_counts      number   sum of the counts
            n_genes           integer  genes detected
            mitochondrial_percent  number   share of mitochondrial genes in the counts, percent
            kept              boolean  whether it is analysed
            reason            text     why it is not
        """),
        open_ended=True,
    ),
    ResultFile(
        "expression.h5ad",
        ("after quality control; layers `counts` and `lognorm`, `obsm` `X_pca` and `X_umap`"),
    ),
    ResultFile(
        "differential_expression.tsv",
        "change of every gene between the classes (PyDESeq2 over donors; routines of EpiGPT's)",
        rows="a contrast and gene",
        columns=_columns("""
            contrast gene symbol
            base_mean         number   mean of the normalised counts
            log2_fold_change
            se                number   standard error of the log2 fold change
            p padj
        """),
    ),
    ResultFile(
        "differential_expression.json",
        "the design behind it: formula, unit, what was left out and why, PyDESeq2's remarks",
    ),
    ResultFile(
        "folds.tsv",
        "the fold in which each sample is tested",
        rows="a repeat and sample",
        columns=_columns("""
            sample group repeat fold
        """),
    ),
    ResultFile(
        "folds.json", "number of folds and repeats, classes, checksum, or why there are none"
    ),
    ResultFile("tokens/", "encoded samples and the vocabulary of each fit"),
    ResultFile(
        "models/{preset}/repeat{r}/fold{k}/",
        (
            "weights (safetensors), `training.jsonl` (a line per step), `plan.json`, "
            "held-out `predictions.tsv`"
        ),
    ),
    ResultFile(
        "models/{preset}/final/",
        (
            "the model fitted on all samples, with a model card; loadable with "
            "`from_pretrained` after `import epigpt`, and answer.json: the series' answer"
        ),
    ),
    ResultFile(
        "baselines/",
        ("predictions of the baselines on the same folds, and their scores under permuted labels"),
    ),
    ResultFile("comparisons/", "predictions of GPT-2's variants on the same folds"),
    ResultFile(
        "predictions.tsv",
        "held-out probabilities of every model",
        rows="a model, repeat, sample and class",
        columns=_columns("""
            model repeat fold sample group
            truth             text     class of the sample
            class             text     class that the probability is of
            probability       number   0 to 1; sums to 1 over the classes
            threshold         number   the class is called from this probability on
        """),
    ),
    ResultFile(
        "metrics.tsv",
        ("scores of every model on the same held-out samples; intervals with donors as units"),
        rows="a model and metric",
        columns=_columns(_SCORES),
    ),
    ResultFile(
        "comparison.tsv",
        "GPT-2's AUC minus that of each other model on the same resamples of donors",
        rows="another model",
        columns=_columns("""
            model
            versus            text     the other model
            estimate          number   difference of the AUCs
            low high
            share_above       number   share of resamples with GPT-2 above; ties count half
        """),
    ),
    ResultFile(
        "null.tsv",
        "scores under labels permuted between donors",
        rows="a model, permutation and metric",
        columns=_columns("""
            model
            permutation       integer  number of the permutation, from 0
            metric
            value             number   value of the metric
            kind              text     `refitted` (the whole pipeline again) or `fixed predictions`
        """),
    ),
    ResultFile(
        "learning_curve.tsv",
        "AUC of logistic regression with a growing share of the training donors",
        rows="a share and repeat",
        columns=_columns("""
            model
            share             number   share of the training groups, 0 to 1
            n_groups          number   training groups, mean over the folds
            repeat
            auc               number   AUC on the held-out samples
        """),
    ),
    ResultFile(
        "calibration.tsv",
        "predicted probability against observed share",
        rows="a model, class and bin",
        columns=_columns("""
            model
            class             text     class that the probability is of
            bin               integer  bin of equal numbers, from 0
            probability       number   mean predicted probability
            observed          number   share of the class among them
            low high
            n                 integer  predictions in the bin
        """),
    ),
    ResultFile(
        "confounding.tsv",
        ("every characteristic against the label, and whether the label follows from it"),
        rows="a characteristic",
        columns=_columns("""
            characteristic    text     name as in samples.tsv
            values            integer  distinct values
            groups            integer  distinct groups
            association       number   Cramér's V over samples, 0 to 1
            kind              text     what the relation is, such as `label follows`
            accepted          boolean  named in `ignore_confounders`
            off               integer  groups on the wrong side of the best division
            detail            text     the relation in words
        """),
    ),
    ResultFile(
        "verdict.json",
        (
            "the one answer: `works`, `as_good`, `signal_missed`, `too_few_donors`, `no_evidence`, "
            "`confounded` or `not_assessable`; its sentence, reason and remedy, and the figures"
        ),
    ),
    ResultFile(
        "markers.tsv",
        "marker genes with the expected direction and what was found",
        rows="a marker set and gene",
        columns=_columns("""
            set               text     marker set
            gene symbol
            expected          text     direction in the literature
            log2_fold_change padj
            attribution       number   as in attributions.tsv
            verdict           text     whether the finding is as expected
        """),
    ),
    ResultFile(
        "marker_sets.tsv",
        "tests of whole sets over donors",
        rows="a set",
        columns=_columns("""
            set               text     name of the set
            title             text     name for readers
            expected          text     direction in the literature
            n_genes           integer  genes that entered
            genes             text     their symbols
            not_assessable    text     genes that could not enter
            difference        number   mean z of case minus control donors
            p padj
            n_case            integer  case donors
            n_control         integer  control donors
            verdict           text     whether the finding is as expected
            caution           text     what limits the test
        """),
    ),
    ResultFile(
        "gene_set_enrichment.tsv",
        "gene sets of your own (`gene_sets`) in the ranking of all genes",
        rows="a set",
        columns=_columns("""
            set               text     name of the set
            n_asked           integer  genes of the set
            n_genes           integer  of them ranked
            score             number   normalised enrichment score, positive: raised in the case
            p padj
            leading_genes     text     genes that carry the score
        """),
    ),
    ResultFile(
        "attributions.tsv",
        "what the folds' models attribute to each gene on held-out samples",
        rows="a gene",
        columns=_columns("""
            gene symbol
            attribution       number   push towards the own class, logits; < 0: control's gene
            knockout_effect   number   mean change of the logit when the gene is removed
            rank              integer  1: tells the classes apart most
            p                 number   share of label permutations that push as far (two classes)
            stability         number   share of donor resamples with the gene in the first 50
            flags             text     what to beware of: sex_chromosome, low_stability …
        """),
    ),
    ResultFile(
        "attributions.json",
        ("how far the attributions can be trusted: stability, agreement, check by random weights"),
    ),
    ResultFile(
        "attribution_agreement.tsv",
        "how the genes of the model overlap with differential expression",
        rows="a number of top genes",
        columns=_columns("""
            genes             integer  top genes compared
            shared            integer  of them in both lists
            share             number   shared over genes
            expected_share    number   share expected by chance
        """),
    ),
    ResultFile("transfer/", "trained on this series and tested on another"),
    ResultFile(
        "transfer.tsv",
        "scores of the pairs of series (`transfer`) that this one takes part in",
        rows="a pair, model and metric",
        columns=_columns(
            """
            trained_on        text     data set
            tested_on         text     data set
            shared_genes      integer  human genes that both have
        """
            + _SCORES
            + """
            reason            text     why a pair cannot be tested
        """
        ),
    ),
    ResultFile(
        "excitation_inhibition.tsv",
        "the excitation/inhibition score of each sample",
        rows="a sample",
        columns=_columns("""
            sample group label
            score             number   mean z of excitatory minus inhibitory genes
            excitatory        text     symbols that entered
            inhibitory        text     symbols that entered
            missing           text     symbols that could not enter
        """),
    ),
    ResultFile(
        "claims.tsv",
        "published claims held against the data",
        rows="a claim",
        columns=_columns("""
            claim             text     the claim
            genes             text     genes it speaks of
            expected          text     what it says
            finding           text     what was found
            verdict           text     whether they agree
        """),
    ),
    ResultFile(
        "provenance.json",
        (
            "versions as each job saw them, settings, seeds, checksums, citations; "
            "time, memory and GPU energy of each job"
        ),
    ),
    ResultFile("ro-crate-metadata.json", "the same as an RO-Crate: sources, results, software"),
)
TABLES = {file.name: file for file in FILES if file.columns}
# What the workflow asks for by name, or a deleted one would not be missed beside a finished report.
ASKED_FOR = (
    "samples.tsv",
    "quality.tsv",
    "differential_expression.tsv",
    "differential_expression.json",
    "folds.tsv",
    "predictions.tsv",
    "metrics.tsv",
    "comparison.tsv",
    "learning_curve.tsv",
    "confounding.tsv",
    "verdict.json",
    "markers.tsv",
    "marker_sets.tsv",
    "gene_set_enrichment.tsv",
    "attributions.tsv",
    "attributions.json",
    "attribution_agreement.tsv",
    "transfer.tsv",
    "excitation_inhibition.tsv",
    "claims.tsv",
    "provenance.json",
    "ro-crate-metadata.json",
)
