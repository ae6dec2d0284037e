# Published claims, tried; also by itself: landscape claims. The same for every study, so outside
# their folders. One job per family of claims, so that an interrupted run goes on where it was.

from landscape.claims.registry import FAMILIES

CLAIMS = "results/claims"


wildcard_constraints:
    family="[a-z-]+",


localrules:
    claims,


rule claims:
    """Table and page of all published claims that were tried."""
    input:
        expand(f"{CLAIMS}/parts/{{family}}.parquet", family=FAMILIES),
    output:
        table=f"{CLAIMS}/claims.csv",
        page=f"{CLAIMS}/claims.md",
    log:
        "logs/claims.log",
    benchmark:
        f"{CLAIMS}/benchmarks/claims.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        code=EVERYTHING,
    shell:
        "trap - INT; python -m landscape claims --assemble --out {CLAIMS} > {log} 2>&1"


rule claim:
    """Try one family of published claims."""
    output:
        f"{CLAIMS}/parts/{{family}}.parquet",
    log:
        "logs/claims/{family}.log",
    benchmark:
        f"{CLAIMS}/benchmarks/{{family}}.jsonl"
    conda:
        "../envs/landscape.yaml"
    resources:
        mem_mb=2000,
        runtime=30,
    params:
        code=EVERYTHING,
    shell:
        "trap - INT; python -m landscape claims --only {wildcards.family} --out {CLAIMS} > {log} 2>&1"
