rule tables:
    """Gather the results of all jobs in tables, CSV and Parquet, and sum them up in others."""
    input:
        data=expand("<results>/data/{dataset}.npz", dataset=DATASETS),
        fits=all_blocks("fits"),
        minima=all_blocks("minima"),
        probes=cells("probes"),
        pairs=cells("pairs"),
        radii=cells("radii"),
        cases=cells("cases"),
        solvers=cells("solvers"),
        code=code(
            "landscape.tables",
            "landscape.tables.rates",
            "landscape.study.balls",
            "landscape.study.distinct",
            "landscape.data",
        ),
    output:
        **{
            f"{table}_{format}": f"<results>/tables/{table}.{format}"
            for table in [*TABLES, "rates", "degeneracies"]
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
        **{
            name: f"<results>/tables/{name}.parquet"
            for name in ("fits", "minima", "probes", "pairs")
        },
        code=code("landscape.plots", "landscape.tables"),
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
        **{
            name: f"<results>/tables/{name}.parquet"
            for name in (
                "minima",
                "runs",
                "brackets",
                "controls",
                "converse",
                "natural",
                "stability",
            )
        },
        code=code("landscape.plots", "landscape.tables"),
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
