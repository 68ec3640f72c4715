# Training the network on the configured data set; runs only when its weights are asked for.


rule train:
    input:
        changes_of("train"),
        tensors=settled(
            "train", expand("results/tensors/shard_{shard}.safetensors", shard=SHARDS)
        ),
    output:
        weights="results/training/weights.safetensors",
        history="results/training/history.json",
        curve=report(
            "results/training/curve.png",
            caption="../report/training.rst",
            category="Training",
            labels={"file": "loss and Dice"},
        ),
    log:
        "results/logs/train.log",
    benchmark:
        "results/benchmarks/train/all.tsv"
    conda:
        "../../envs/cpu.yaml"
    threads: threads_of_reference
    resources:
        gpu=gpus_of_pytorch,
        mem_mb=memory_of_training,
        runtime=minutes_of_training,
    params:
        plan=plan_of("train"),
        init_features=SETTINGS.model.init_features,
        training=SETTINGS.training,
    script:
        "../scripts/train.py"
