"""Files about genes: markers, gene sets, attributions, claims."""

from epigpt.schema.tables import ResultFile, columns

FILES = (
    ResultFile(
        "markers.tsv",
        "marker genes with the expected direction and what was found",
        rows="a marker set and gene",
        columns=columns("""
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
        columns=columns("""
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
        "gene sets (the Gene Ontology's processes, and your own) in the ranking of all genes",
        rows="a set",
        columns=columns("""
            set               text     name of the set
            n_asked           integer  genes of the set
            n_genes           integer  of them ranked
            score             number   normalised enrichment score, positive: raised in the case
            p padj
            leading_genes     text     genes that carry the score
            source            text     `own` (key `gene_sets`) or Gene Ontology (key `pathways`)
        """),
    ),
    ResultFile(
        "attributions.tsv",
        "what the folds' models attribute to each gene on held-out samples",
        rows="a gene",
        columns=columns("""
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
        columns=columns("""
            genes             integer  top genes compared
            shared            integer  of them in both lists
            share             number   shared over genes
            expected_share    number   share expected by chance
        """),
    ),
    ResultFile(
        "excitation_inhibition.tsv",
        "the excitation/inhibition score of each sample",
        rows="a sample",
        columns=columns("""
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
        columns=columns("""
            claim             text     the claim
            genes             text     genes it speaks of
            expected          text     what it says
            finding           text     what was found
            verdict           text     whether they agree
        """),
    ),
)
