"""From many series to pretrained weights.

Purpose: read the series of the corpus table, encode each as a shard of its own, leave out what is tested in this run, learn from the
rest how genes move together.
Inputs: the corpus table (key corpus), GEO or local files; counts of the run's data sets, to keep them out; the weights to begin with.
Outputs: results/corpus/{corpus}/shards/ (shared by all series and named by their content, so no rule declares them), corpus.tsv (what was used, left out and why) and results/corpus/{corpus}/{preset}/.
"""

if CORPUS:

    rule corpus_download:
        """Download a series of the corpus from GEO."""
        output:
            # The files beside it are no declared outputs: Snakemake would delete them before a retry.
            manifest="results/corpus/{corpus}/series/{series}/geo/manifest.tsv",
            status="results/corpus/{corpus}/series/{series}/geo/status.json",
        log:
            "results/corpus/{corpus}/logs/{series}.download.log",
        benchmark:
            "results/corpus/{corpus}/benchmarks/{series}.download.tsv"
        localrule: True
        conda:
            "../envs/geo.yaml"
        params:
            **stage(
                "corpus_download",
                *GEO_KEYS,
                "series.source",
                "series.matrix",
                unwatched=PATIENCE_KEYS,
            ),
        shell:
            "{params.command} --log {log:q}"

    rule corpus_series:
        """Read the series of a row of the corpus table, encode each as a shard."""
        input:
            unpack(corpus_files),
        output:
            listed="results/corpus/{corpus}/series/{series}/shards.json",
        log:
            "results/corpus/{corpus}/logs/{series}.log",
        benchmark:
            "results/corpus/{corpus}/benchmarks/{series}.tsv"
        conda:
            TRAINING_ENVIRONMENT
        resources:
            **grows(mem_mb=8000, minutes=60),
        params:
            **stage(
                "corpus_series",
                "allow_values",
                *QUALITY_KEYS,
                "series.series",
                "series.source",
                "series.samples",
                "series.organism",
                "series.assay",
                "series.matrix",
                "series.include",
                "corpus_encoding",
                "max_genes",
                "pretraining.genes",
                "pretraining.views",
                "seed",
                unwatched=[
                    "geo.max_unpacked_gb",
                    "series_path.source",
                    "series_path.samples",
                ],
            ),
        shell:
            "{params.command} --log {log:q}"

    rule corpus_table:
        """Decide which series a model learns from: none that is tested in this run."""
        input:
            listed=expand(
                "results/corpus/{corpus}/series/{series}/shards.json",
                corpus=CORPUS,
                series=CORPUS_ROWS,
            ),
            counts=expand("results/{dataset}/counts.h5ad", dataset=ROWS),
            readings=expand("results/{dataset}/reading.json", dataset=ROWS),
        output:
            table="results/corpus/{corpus}/corpus.tsv",
        log:
            "results/corpus/{corpus}/logs/corpus_table.log",
        benchmark:
            "results/corpus/{corpus}/benchmarks/corpus_table.tsv"
        conda:
            "../envs/prepare.yaml"
        resources:
            **grows(mem_mb=8000, minutes=60),
        params:
            **stage("corpus_table", "pretraining.held_out", "seed"),
        shell:
            "{params.command} --log {log:q}"

    rule pretrain:
        """Learn from the series of the corpus how genes move together."""
        input:
            table="results/corpus/{corpus}/corpus.tsv",
            start=[RUN.fetched_folder] if RUN.fetched else [],
        output:
            pretrained=directory("results/corpus/{corpus}/{preset}"),
        log:
            "results/corpus/{corpus}/logs/{preset}.log",
        benchmark:
            "results/corpus/{corpus}/benchmarks/{preset}.tsv"
        conda:
            TRAINING_ENVIRONMENT
        threads: TRAINING_THREADS
        resources:
            **training_resources(),
        params:
            **stage(
                "pretrain",
                "preset",
                "pretraining.epochs",
                "pretraining.patience",
                "pretraining.global_batch_size",
                "pretraining.learning_rate",
                "pretraining.weights",
                "precision",
                "seed",
                launch=on_hardware,
            ),
            # Outside the declared outputs, which Snakemake deletes when a job fails: training resumes from here.
            checkpoints="results/corpus/{corpus}/checkpoints/{preset}",
        shell:
            "{params.command} --checkpoints {params.checkpoints:q} --log {log:q}"
