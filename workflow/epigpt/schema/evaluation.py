"""Files of the models: tokens, weights, predictions, scores and the answer."""

from epigpt.schema.tables import ResultFile, columns

SCORES = """
    model preset metric
    estimate          number   value of the metric on held-out samples
    low high
    null_mean         number   mean of the metric under permuted labels
    p                 number   share of permutations that do as well, the observed labels included
    p_floor           number   smallest p that this many groups and permutations allow
    n_samples n_groups
"""

FILES = (
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
        "predictions of the baselines on the same folds",
    ),
    ResultFile("comparisons/", "predictions of GPT-2's variants on the same folds"),
    ResultFile(
        "predictions.tsv",
        "held-out probabilities of every model",
        rows="a model, repeat, sample and class",
        columns=columns("""
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
        columns=columns(SCORES),
    ),
    ResultFile(
        "comparison.tsv",
        "GPT-2's AUC minus that of each other model on the same resamples of donors",
        rows="another model",
        columns=columns("""
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
        columns=columns("""
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
        rows="a share and repeat, of the first five draws of the folds",
        columns=columns("""
            model
            share             number   share of the training groups, 0 to 1
            n_groups          number   training groups, mean over the folds
            repeat
            auc               number   AUC on the held-out samples
        """),
    ),
    ResultFile(
        "cell_types.tsv",
        "the question asked of each kind of cell alone; of bulk samples without rows",
        rows="a kind of cell",
        columns=columns("""
            cell_type         text     kind of cell, as the cells' own table names it
            n_cells           integer  cells that passed the quality limits
            n_samples         integer  samples with at least 10 of them
            n_groups
            genes_tested      integer  genes in the comparison of the sums of these cells
            genes_at_fdr_5_percent  integer  genes that differ between the classes
            auc               number   AUC of logistic regression on the sums, on held-out donors
            low high
            reason            text     why there is no comparison, or no AUC
        """),
    ),
    ResultFile(
        "cell_type_contrasts.tsv",
        "change of every gene between the classes within each kind of cell",
        rows="a kind of cell, contrast and gene",
        columns=columns("""
            cell_type         text     kind of cell
            contrast gene symbol
            base_mean         number   mean of the normalised counts
            log2_fold_change
            se                number   standard error of the log2 fold change
            p padj
        """),
    ),
    ResultFile(
        "calibration.tsv",
        "predicted probability against observed share",
        rows="a model, class and bin",
        columns=columns("""
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
        columns=columns("""
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
        "locus.json",
        "the place of the genome that deciding genes crowd, or that they crowd none",
    ),
    ResultFile(
        "locus.tsv",
        "AUC of every model without that place, on the first draw of the folds",
        rows="a model; none where no place is crowded",
        columns=columns("""
            model
            auc               number   with all genes
            auc_without       number   everything fitted again without the genes of the place
            low_without       number   lower limit of the 95 % interval of auc_without
            high_without      number   its upper limit
        """),
    ),
    ResultFile(
        "reporting.tsv",
        "the machine-checkable items of REFORMS and TRIPOD+AI",
        rows="an item",
        columns=columns("""
            item              text     what is asked
            answer            text     what was found; `could not be checked` where nothing was
            evidence          text     the file, and what it shows
        """),
    ),
    ResultFile("transfer/", "trained on this series and tested on another"),
    ResultFile(
        "transfer.tsv",
        "scores of the pairs of series (`transfer`) that this one takes part in",
        rows="a pair, model and metric",
        columns=columns(
            """
            trained_on        text     data set
            tested_on         text     data set
            shared_genes      integer  human genes that both have
            unit              text     what `n_groups` of the series tested on counts: litters
        """
            + SCORES
            + """
            reason            text     why a pair cannot be tested
        """
        ),
    ),
)
