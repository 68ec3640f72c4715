# Images: where they come from, which slices there are, and the tensors made of them.

# What tells that a job of this workflow filled a folder, if one does: a receipt, and its copy in the
# folder, by which a lost folder is noticed. Never the folder itself: Snakemake deletes what a rule
# declares before its job starts.
FETCHED = FETCHED_FILES if config["dataset"]["source"] == "kaggle" else []


if FETCHED:

    rule fetch_dataset:
        input:
            changes_of("fetch_dataset"),
        output:
            receipt=FETCHED[0],
            stamp=FETCHED[1],
        log:
            "results/logs/fetch_dataset.log",
        benchmark:
            "results/benchmarks/fetch_dataset/all.tsv"
        conda:
            "../../envs/cpu.yaml"
        resources:
            mem_mb=1000,
            runtime=120,
        params:
            plan=plan_of("fetch_dataset"),
            folder=str(DATASET.root),
            archive=(
                str(locate(config["dataset"]["path"], CHECKOUT))
                if config["dataset"]["path"]
                else None
            ),
        script:
            "../scripts/fetch_dataset.py"


rule list_slices:
    input:
        changes_of("list_slices"),
        settled("list_slices", FETCHED),
    output:
        manifest=report(
            "results/dataset/manifest.json",
            caption="../report/manifest.rst",
            category="Data",
            labels={"file": "slices"},
        ),
        shards=expand("results/dataset/shard_{shard}.json", shard=SHARDS),
    log:
        "results/logs/list_slices.log",
    benchmark:
        "results/benchmarks/list_slices/all.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=1000,
        runtime=60,
    params:
        plan=plan_of("list_slices"),
        root=str(DATASET.root),
        receipt=FETCHED[0] if FETCHED else None,
        dataset=config["dataset"],
    script:
        "../scripts/list_slices.py"


rule encode_slices:
    input:
        changes_of("encode_slices"),
        settled("encode_slices", FETCHED),
        manifest=settled("encode_slices", "results/dataset/shard_{shard}.json"),
    output:
        tensors="results/tensors/shard_{shard}.safetensors",
    log:
        "results/logs/encode_slices/{shard}.log",
    benchmark:
        "results/benchmarks/encode_slices/{shard}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        mem_mb=memory_of_encode,
        runtime=minutes_of_encode,
    params:
        plan=plan_of("encode_slices"),
        root=str(DATASET.root),
        normalisation=config["tensors"]["normalisation"],
    script:
        "../scripts/encode_slices.py"


rule time_preparation:
    input:
        changes_of("time_preparation"),
        settled("time_preparation", FETCHED),
        manifest=settled("time_preparation", "results/dataset/manifest.json"),
    output:
        timing="results/reference/preparation{at}.json",
    log:
        "results/logs/time_preparation{at}.log",
    benchmark:
        "results/benchmarks/time_preparation/all{at}.tsv"
    conda:
        "../../envs/cpu.yaml"
    resources:
        **machine_resources(no_gpu),
        mem_mb=1000,
        runtime=30,
    params:
        plan=plan_of("time_preparation"),
        root=str(DATASET.root),
        normalisation=config["tensors"]["normalisation"],
    script:
        "../scripts/time_preparation.py"
