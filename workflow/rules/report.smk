rule tables:
    """Gather the results of all jobs in tables, CSV and Parquet."""
    input:
        data=expand("<results>/data/{dataset}.npz", dataset=DATASETS),
        fits=all_blocks("fits"),
        minima=all_blocks("minima"),
        probes=cells("probes"),
        pairs=cells("pairs"),
        radii=cells("radii"),
        cases=cells("cases"),
        solvers=cells("solvers"),
        code=code("landscape.tables", "landscape.study.certificates", "landscape.study.probes"),
    output:
        **{
            f"{table}_{format}": f"<results>/tables/{table}.{format}"
            for table in TABLES
            for format in ("csv", "parquet")
        },
    log:
        "<logs>/tables.log",
    benchmark:
        "<benchmarks>/tables.jsonl"
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/tables.py"


rule summary:
    """Tables summary, rates, degeneracies and findings from the other tables."""
    input:
        **{name: f"<results>/tables/{name}.parquet" for name in FOUND},
        code=code("landscape.tables", "landscape.tables.rates"),
    output:
        summary_csv=report(
            "<results>/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary"},
        ),
        summary_parquet="<results>/tables/summary.parquet",
        rates_csv="<results>/tables/rates.csv",
        rates_parquet="<results>/tables/rates.parquet",
        degeneracies_csv="<results>/tables/degeneracies.csv",
        degeneracies_parquet="<results>/tables/degeneracies.parquet",
        findings_csv=report(
            "<results>/tables/findings.csv",
            caption="../report/findings.rst",
            category="Tables",
            labels={"table": "findings"},
        ),
        findings_parquet="<results>/tables/findings.parquet",
    log:
        "<logs>/summary.log",
    benchmark:
        "<benchmarks>/summary.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/summary.py"


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


rule figures:
    """Draw all figures of the study, SVG and PNG."""
    input:
        **{name: f"<results>/tables/{name}.parquet" for name in TABLES},
        code=code("landscape.plots", "landscape.tables"),
    output:
        **{f"{figure}_png": f"<results>/figures/{figure}.png" for figure in FIGURES},
        **{
            f"{figure}_svg": report(
                f"<results>/figures/{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="Figures",
                labels={"figure": figure},
            )
            for figure in FIGURES
        },
    log:
        "<logs>/figures.log",
    benchmark:
        "<benchmarks>/figures.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/figures.py"
