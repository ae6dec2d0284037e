# Published claims, tried; also by itself: landscape claims. The same for every study, so outside
# their folders. One job per family of claims, so that an interrupted run goes on where it was.

from landscape.claims.registry import FAMILIES


wildcard_constraints:
    family="[a-z-]+",


localrules:
    claims,


rule claims:
    """Table and page of all published claims that were tried."""
    input:
        expand("results/claims/parts/{family}.parquet", family=FAMILIES),
    output:
        table="results/claims/claims.csv",
        page="results/claims/claims.md",
    log:
        "logs/claims.log",
    benchmark:
        "results/claims/benchmarks/claims.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=EVERYTHING,
    shell:
        "trap - INT; python -m landscape claims --assemble --out results/claims > {log} 2>&1"


rule claim:
    """Try one family of published claims."""
    output:
        "results/claims/parts/{family}.parquet",
    log:
        "logs/claims/{family}.log",
    benchmark:
        "results/claims/benchmarks/{family}.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=EVERYTHING,
    shell:
        "trap - INT; python -m landscape claims --only {wildcards.family} --out results/claims > {log} 2>&1"
