# Networks that data sets bring, beside the study's own starts.

NETWORKS = {
    name: entry["networks"] for name, entry in config["datasets"].items() if "networks" in entry
}
NETWORK_TABLES = ["networks"] if NETWORKS else []
NETWORK_TARGETS = expand(
    "<results>/tables/{table}.{format}", table=NETWORK_TABLES, format=["csv", "parquet"]
) + expand("<results>/figures/{figure}.{format}", figure=NETWORK_TABLES, format=["svg", "png"])


rule networks:
    """Analyse the networks that one data set brings."""
    input:
        data="<results>/data/{dataset}.parquet",
        minima=files("minima", neurons=NEURONS, blocks=BLOCKS),
    output:
        "<results>/networks/{dataset}.parquet",
    log:
        "<logs>/networks/{dataset}.log",
    benchmark:
        "<benchmarks>/networks/{dataset}.jsonl"
    priority: 10
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        code=COMPUTING,
        settings=settings(*MINIMA),
        networks=lambda wildcards: NETWORKS[wildcards.dataset],
        content=lambda wildcards: digest(map(Path, NETWORKS[wildcards.dataset])),
    script:
        "../scripts/networks.py"


rule network_table:
    """Gather the analyses of all networks in one table, and draw them beside the study's minima."""
    input:
        data=expand("<results>/data/{dataset}.parquet", dataset=NETWORKS),
        networks=expand("<results>/networks/{dataset}.parquet", dataset=NETWORKS),
        fits="<results>/tables/fits.parquet",
    output:
        **figure_files(["networks"]),
        networks_csv="<results>/tables/networks.csv",
        networks_parquet="<results>/tables/networks.parquet",
    log:
        "<logs>/network_table.log",
    benchmark:
        "<benchmarks>/network_table.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        code=EVERYTHING,
        settings=STUDY,
    script:
        "../scripts/network_table.py"
