rule tables:
    input:
        fits=all_blocks("fits"),
        minima=all_blocks("minima"),
        probes=expand("results/probes/{dataset}/{neurons}.npz", dataset=DATASETS, neurons=NEURONS),
        pairs=expand("results/pairs/{dataset}/{neurons}.npz", dataset=DATASETS, neurons=NEURONS),
        code=code("landscape.tables", "landscape.study.certificates"),
    output:
        **{
            f"{table}_{format}": f"results/tables/{table}.{format}"
            for table in ("fits", "minima", "probes", "pairs")
            for format in ("csv", "parquet")
        },
    log:
        "logs/tables.log",
    benchmark:
        "results/benchmarks/tables.jsonl"
    resources:
        mem_mb=2000,
        runtime=30,
    script:
        "../scripts/tables.py"


rule summary:
    input:
        fits="results/tables/fits.parquet",
        minima="results/tables/minima.parquet",
        probes="results/tables/probes.parquet",
        code=code("landscape.tables"),
    output:
        csv=report(
            "results/tables/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
        ),
        parquet="results/tables/summary.parquet",
    log:
        "logs/summary.log",
    benchmark:
        "results/benchmarks/summary.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/summary.py"


rule provenance:
    input:
        data=expand("results/data/{dataset}.npz", dataset=DATASETS),
        code=package_files(),
    output:
        csv=report(
            "results/tables/provenance.csv",
            caption="../report/provenance.rst",
            category="Tables",
        ),
        parquet="results/tables/provenance.parquet",
    log:
        "logs/provenance.log",
    benchmark:
        "results/benchmarks/provenance.jsonl"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        config=config,
    script:
        "../scripts/provenance.py"


rule figures:
    input:
        fits="results/tables/fits.parquet",
        minima="results/tables/minima.parquet",
        probes="results/tables/probes.parquet",
        pairs="results/tables/pairs.parquet",
        code=code("landscape.plots", "landscape.tables"),
    output:
        png=expand("results/figures/{figure}.png", figure=FIGURES),
        losses=report(
            "results/figures/losses.svg",
            caption="../report/losses.rst",
            category="Figures",
        ),
        stability=report(
            "results/figures/stability.svg",
            caption="../report/stability.rst",
            category="Figures",
        ),
        radii=report(
            "results/figures/radii.svg",
            caption="../report/radii.rst",
            category="Figures",
        ),
        probes=report(
            "results/figures/probes.svg",
            caption="../report/probes.rst",
            category="Figures",
        ),
    log:
        "logs/figures.log",
    benchmark:
        "results/benchmarks/figures.jsonl"
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/figures.py"
