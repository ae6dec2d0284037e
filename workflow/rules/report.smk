rule tables:
    """Gather the results of all jobs in tables, CSV and Parquet, and sum them up in others."""
    input:
        **{
            kind: cells(kind)
            for kind in [
                "radii",
                "brackets",
                "probes",
                "controls",
                "pairs",
                "natural",
                "converse",
                "solvers",
            ]
        },
        data=expand("<results>/data/{dataset}.npz", dataset=DATASETS),
        minima=all_blocks("minima"),
        code=code("landscape.tables.sums", "landscape.study.distinct", "landscape.data"),
    output:
        **{
            f"{table}_{format}": f"<results>/tables/{table}.{format}"
            for table in TABLES
            if table not in ("summary", "findings")
            for format in ("csv", "parquet")
        },
        summary_parquet="<results>/tables/summary.parquet",
        summary_csv=report(
            "<results>/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary"},
        ),
        findings_parquet="<results>/tables/findings.parquet",
        findings_csv=report(
            "<results>/tables/findings.csv",
            caption="../report/findings.rst",
            category="Tables",
            labels={"table": "findings"},
        ),
    log:
        "<logs>/tables.log",
    benchmark:
        "<benchmarks>/tables.jsonl"
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/tables.py"


rule provenance:
    """Record versions, seeds, configuration, code, data and platform."""
    input:
        data=expand("<results>/data/{dataset}.npz", dataset=DATASETS),
        code=package_files(),
    output:
        csv=report(
            "<results>/tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Tables",
            labels={"table": "provenance"},
        ),
        parquet="<results>/tables/provenance.parquet",
    log:
        "<logs>/provenance.log",
    benchmark:
        "<benchmarks>/provenance.jsonl"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
    script:
        "../scripts/provenance.py"


# Two jobs, so that no core is idle at the end.


rule figures:
    """Draw the figures of the study's main line, SVG and PNG."""
    input:
        **drawn_from(MAIN_FIGURES),
        code=code("landscape.plots.main", "landscape.plots.experiments", "landscape.tables"),
    output:
        **figure_files(MAIN_FIGURES),
    log:
        "<logs>/figures.log",
    benchmark:
        "<benchmarks>/figures.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/figures.py"


rule more_figures:
    """Draw the figures beside the main line: solvers, brackets, controls and the like."""
    input:
        **drawn_from(MORE_FIGURES),
        code=code("landscape.plots.main", "landscape.plots.experiments", "landscape.tables"),
    output:
        **figure_files(MORE_FIGURES),
    log:
        "<logs>/more_figures.log",
    benchmark:
        "<benchmarks>/more_figures.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/figures.py"
