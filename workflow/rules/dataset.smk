# Images: where they come from, which items there are, and the tensors made of them.
from segtrt.data.scan import Demands

# What a job of this workflow leaves behind that filled a folder, if one does: a receipt, and its copy
# in the folder, by which a lost folder is noticed. Never the folder itself: Snakemake deletes what a
# rule declares before its job starts.
FETCHED = FETCHED_FILES if SETTINGS.dataset.source == "kaggle" else []


if FETCHED:

    rule fetch_dataset:
        input:
            **PLAN.uses("fetch_dataset"),
        output:
            **PLAN.makes("fetch_dataset", receipt=FETCHED[0], stamp=FETCHED[1]),
        log:
            "results/logs/fetch_dataset.log",
        benchmark:
            "results/benchmarks/fetch_dataset/all.tsv"
        conda:
            environment("cpu")
        resources:
            mem_mb=1000,
            runtime=120,
        params:
            plan=PLAN.decided_by("fetch_dataset", source=lambda w: dataset().origin),
            folder=image_folder,
            archive=archive_path,
        script:
            "../scripts/fetch_dataset.py"


rule list_slices:
    input:
        **PLAN.uses("list_slices", fetched=verified(FETCHED)),
    output:
        **PLAN.makes(
            "list_slices",
            manifest=report(
                MANIFEST,
                caption="../report/manifest.rst",
                category="Data",
                labels={"file": "slices"},
            ),
            shards=all_shards(SHARD_MANIFEST),
        ),
    log:
        "results/logs/list_slices.log",
    benchmark:
        "results/benchmarks/list_slices/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=lambda w, attempt: 2000 * attempt,
        runtime=60,
    params:
        plan=PLAN.decided_by(
            "list_slices",
            packages=READING_PACKAGES,
            dataset=lambda w: dataset().whole,
            demands=demands(),
        ),
        root=image_folder,
        receipt=PLAN.prefix + FETCHED[0] if FETCHED else None,
        form=lambda w: form(),
        demands=demands(),
        dataset=SETTINGS.dataset,
    script:
        "../scripts/list_slices.py"


rule encode_slices:
    input:
        **PLAN.uses(
            "encode_slices",
            fetched=verified(FETCHED),
            manifest=verified(SHARD_MANIFEST),
            network=NETWORK,
        ),
    output:
        **PLAN.makes("encode_slices", tensors=TENSORS),
    log:
        "results/logs/encode_slices/{shard}.log",
    benchmark:
        "results/benchmarks/encode_slices/{shard}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_encode,
        runtime=minutes_of_encode,
    params:
        plan=PLAN.decided_by(
            "encode_slices",
            packages=ENCODING_PACKAGES,
            dataset=images_of_shard,
            tensors=lambda w: encoding(),
        ),
        root=image_folder,
        form=lambda w: form(),
        tensors=SETTINGS.tensors.encoding,
    script:
        "../scripts/encode_slices.py"


rule time_preparation:
    input:
        **PLAN.uses(
            "time_preparation",
            fetched=verified(FETCHED),
            manifest=verified(MANIFEST),
            network=NETWORK,
        ),
    output:
        **PLAN.makes(
            "time_preparation", timing="results/reference/preparation{at}.json"
        ),
    log:
        "results/logs/time_preparation{at}.log",
    benchmark:
        "results/benchmarks/time_preparation/all{at}.tsv"
    conda:
        environment("cpu")
    resources:
        **machine_resources(no_gpu),
        mem_mb=1000,
        runtime=30,
    params:
        plan=PLAN.decided_by(
            "time_preparation",
            packages=ENCODING_PACKAGES,
            tensors=lambda w: encoding(),
            machine=lambda w: machine_of_job(w).cpu_facts(),
        ),
        root=image_folder,
        form=lambda w: form(),
        tensors=SETTINGS.tensors.encoding,
    script:
        "../scripts/time_preparation.py"
