"""What to cite of the tools behind a result: the reference that each tool's authors ask for."""

CITATIONS = {
    "snakemake": (
        "Mölder F et al. Sustainable data analysis with Snakemake. F1000Research 10:33 (2021)."
        " doi:10.12688/f1000research.29032.2"
    ),
    "torch": (
        "Ansel J et al. PyTorch 2: faster machine learning through dynamic Python bytecode"
        " transformation and graph compilation. ASPLOS (2024). doi:10.1145/3620665.3640366"
    ),
    "deepspeed": (
        "Rajbhandari S et al. ZeRO: memory optimizations toward training trillion parameter models."
        " SC20 (2020). doi:10.1109/SC41405.2020.00024"
    ),
    "transformers": (
        "Wolf T et al. Transformers: state-of-the-art natural language processing. EMNLP"
        " demonstrations (2020). doi:10.18653/v1/2020.emnlp-demos.6"
    ),
    "gpt2": "Radford A et al. Language models are unsupervised multitask learners. OpenAI (2019).",
    "peft": (
        "Hu EJ et al. LoRA: low-rank adaptation of large language models. ICLR (2022)."
        " arXiv:2106.09685"
    ),
    "captum": (
        "Kokhlikyan N et al. Captum: a unified and generic model interpretability library for"
        " PyTorch. arXiv:2009.07896 (2020)."
    ),
    "scanpy": (
        "Wolf FA et al. SCANPY: large-scale single-cell gene expression data analysis. Genome"
        " Biology 19:15 (2018). doi:10.1186/s13059-017-1382-0"
    ),
    "anndata": (
        "Virshup I et al. anndata: access and store annotated data matrices. Journal of Open Source"
        " Software 9:4371 (2024). doi:10.21105/joss.04371"
    ),
    "pydeseq2": (
        "Muzellec B et al. PyDESeq2: a Python package for bulk RNA-seq differential expression"
        " analysis. Bioinformatics 39:btad547 (2023). doi:10.1093/bioinformatics/btad547"
    ),
    "deseq2": (
        "Love MI et al. Moderated estimation of fold change and dispersion for RNA-seq data with"
        " DESeq2. Genome Biology 15:550 (2014). doi:10.1186/s13059-014-0550-8"
    ),
    "umap": (
        "McInnes L et al. UMAP: uniform manifold approximation and projection. Journal of Open"
        " Source Software 3:861 (2018). doi:10.21105/joss.00861"
    ),
    "sklearn": (
        "Pedregosa F et al. Scikit-learn: machine learning in Python. Journal of Machine Learning"
        " Research 12:2825 (2011)."
    ),
    "numpy": (
        "Harris CR et al. Array programming with NumPy. Nature 585:357 (2020)."
        " doi:10.1038/s41586-020-2649-2"
    ),
    "scipy": (
        "Virtanen P et al. SciPy 1.0: fundamental algorithms for scientific computing in Python."
        " Nature Methods 17:261 (2020). doi:10.1038/s41592-019-0686-2"
    ),
    "pandas": (
        "McKinney W. Data structures for statistical computing in Python. SciPy conference (2010)."
        " doi:10.25080/Majora-92bf1922-00a"
    ),
    "matplotlib": (
        "Hunter JD. Matplotlib: a 2D graphics environment. Computing in Science & Engineering 9:90"
        " (2007). doi:10.1109/MCSE.2007.55"
    ),
    "statsmodels": (
        "Seabold S, Perktold J. statsmodels: econometric and statistical modeling with Python."
        " SciPy conference (2010). doi:10.25080/Majora-92bf1922-011"
    ),
    "geo": (
        "Barrett T et al. NCBI GEO: archive for functional genomics data sets, update. Nucleic"
        " Acids Research 41:D991 (2013). doi:10.1093/nar/gks1193"
    ),
    "rocrate": (
        "Soiland-Reyes S et al. Packaging research artefacts with RO-Crate. Data Science 5:97"
        " (2022). doi:10.3233/DS-210053"
    ),
}
# Methods that stand behind a package.
_BEHIND = {"transformers": "gpt2", "pydeseq2": "deseq2"}
_ALWAYS = ("snakemake", "geo", "rocrate")


def of(packages: set[str]) -> dict[str, str]:
    """Return the references of the packages, by import name, and of the methods behind them."""
    wanted = {*_ALWAYS, *packages, *(_BEHIND[package] for package in packages & _BEHIND.keys())}
    return {name: text for name, text in CITATIONS.items() if name in wanted}
