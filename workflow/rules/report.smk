rule tables:
    """Gather the results of all jobs in tables, CSV and Parquet, and sum them up in others."""
    input:
        **{kind: all_files(kind) for kind in [*STEPS, "radii", "brackets", "solvers"]},
        data=expand("<results>/data/{dataset}.parquet", dataset=DATASETS),
        datasets=expand("<results>/datasets/{dataset}.parquet", dataset=DATASETS),
        minima=all_files("minima", blocks=BLOCKS),
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
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=EVERYTHING,
        settings=STUDY,
    script:
        "../scripts/tables.py"


rule realizations:
    """Tell the functions at the minima in the data's own units: weights, predictions, accuracy."""
    input:
        data=expand("<results>/data/{dataset}.parquet", dataset=DATASETS),
        minima=all_files("radii"),
    output:
        **{
            f"{table}_{format}": f"<results>/tables/{table}.{format}"
            for table in OF_REALIZATIONS
            for format in ("csv", "parquet")
        },
    log:
        "<logs>/realizations.log",
    benchmark:
        "<benchmarks>/realizations.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=STUDY,
    script:
        "../scripts/realizations.py"


rule provenance:
    """Record versions, seeds, configuration, code, data and platform."""
    input:
        data=expand("<results>/data/{dataset}.parquet", dataset=DATASETS),
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
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=EVERYTHING,
        config=config,
        settings=STUDY,
    script:
        "../scripts/provenance.py"


# Two jobs, the longer one first, so that no core is idle at the end.


rule figures:
    """Draw the figures of the study's main line, SVG and PNG."""
    input:
        **drawn_from(MAIN_FIGURES),
    output:
        **figure_files(MAIN_FIGURES),
    log:
        "<logs>/figures.log",
    benchmark:
        "<benchmarks>/figures.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=STUDY,
    script:
        "../scripts/figures.py"


rule more_figures:
    """Draw the figures beside the main line: solvers, brackets, controls and the like."""
    input:
        **drawn_from(MORE_FIGURES),
    output:
        **figure_files(MORE_FIGURES),
    log:
        "<logs>/more_figures.log",
    benchmark:
        "<benchmarks>/more_figures.jsonl"
    priority: 5
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=STUDY,
    script:
        "../scripts/figures.py"
