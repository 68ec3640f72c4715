# Training the network on the configured data set; runs only when its weights are asked for.


rule train:
    input:
        **PLAN.uses("train", network=NETWORK, tensors=all_shards(TENSORS)),
    output:
        **PLAN.makes(
            "train",
            weights=TRAINED,
            history="results/training/history.json",
            curve=report(
                "results/training/curve.png",
                caption="../report/training.rst",
                category="Training",
                labels={"file": "loss and Dice"},
            ),
        ),
    log:
        "results/logs/train.log",
    benchmark:
        "results/benchmarks/train/all.tsv"
    conda:
        environment("cpu")
    threads: every_core
    resources:
        gpu=gpus_of_pytorch,
        mem_mb=memory_of_training,
        runtime=minutes_of_training,
    params:
        plan=PLAN.decided_by(
            "train",
            packages=["torch", "matplotlib"],
            stored=True,
            training=SETTINGS.training,
            source=lambda w: network().decides,
        ),
        source=lambda w: network(),
        training=SETTINGS.training,
    script:
        "../scripts/train.py"
