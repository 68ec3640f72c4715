# Which part of the network loses what in which precision.


rule split_regions:
    input:
        **PLAN.uses("split_regions", graph=SOURCE_GRAPH),
    output:
        **PLAN.makes("split_regions", regions=REGIONS),
    log:
        "results/logs/split_regions.log",
    benchmark:
        "results/benchmarks/split_regions/all.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        plan=PLAN.decided_by(
            "split_regions",
            packages=["onnx"],
            most=SETTINGS.precision_search.regions,
        ),
        most=SETTINGS.precision_search.regions,
    script:
        "../scripts/split_regions.py"


# Graphs that regions are taken from: as engines have them, and made where these are refused for wrong
# answers, since it is then that one wants to know which region is to blame.
rule convert_whole:
    input:
        **PLAN.uses(
            "convert_whole", graph=SOURCE_GRAPH, tensors=verified(calibration_tensors)
        ),
    output:
        **PLAN.makes(
            "convert_whole",
            graph=f"results/precision/graphs/{{graph,{'|'.join(CODED)}}}/model.onnx",
            proof=f"results/precision/graphs/{{graph,{'|'.join(CODED)}}}/proof.json",
        ),
    log:
        "results/logs/convert_whole/{graph}.log",
    benchmark:
        "results/benchmarks/convert_whole/{graph}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_convert,
        runtime=minutes_of_convert,
    params:
        plan=PLAN.decided_by(
            "convert_whole",
            packages=CONVERSION_PACKAGES,
            stored=True,
            calibration=calibration_of_graph,
        ),
        calibration=SETTINGS.engines.calibration,
    script:
        "../scripts/convert_whole.py"


rule blame_region:
    input:
        **PLAN.uses(
            "blame_region",
            regions=REGIONS,
            graph=SOURCE_GRAPH,
            converted=graph_of_region,
            proof=verified(proof_of_region),
            tensors=all_shards(TENSORS),
            reference=all_shards(REFERENCE),
            reference_scores=REFERENCE_SCORES,
        ),
    output:
        **PLAN.makes(
            "blame_region",
            sensitivity=f"results/precision/sensitivity/{{graph,{'|'.join(CONVERTED)}}}/{{region}}.json",
        ),
    log:
        "results/logs/blame_region/{graph}/{region}.log",
    benchmark:
        "results/benchmarks/blame_region/{graph}/{region}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_convert,
        runtime=minutes_of_reference,
    params:
        plan=PLAN.decided_by(
            "blame_region",
            packages=["onnx", "onnxruntime", "ml_dtypes", *SCORING_PACKAGES],
            stored=True,
            metric_code=metric_code,
        ),
    script:
        "../scripts/blame_region.py"


# What one region, or the whole network, gains: an engine with it in low precision takes turns with the
# float32 one.
rule time_region:
    input:
        **PLAN.uses(
            "time_region",
            regions=REGIONS,
            graph=SOURCE_GRAPH,
            converted=graph_to_time,
            proof=verified(proof_to_time),
            network=NETWORK,
            tensors=verified(all_shards(TENSORS)),
        ),
    output:
        **PLAN.makes(
            "time_region",
            gain=f"results/precision/gain/{{runtime}}{{at}}/{{graph,{'|'.join(CONVERTED)}}}/{{part}}.json",
        ),
    log:
        "results/logs/time_region/{runtime}{at}/{graph}/{part}.log",
    benchmark:
        "results/benchmarks/time_region/{runtime}{at}/{graph}/{part}.tsv"
    conda:
        environment("{runtime}")
    threads: every_core
    resources:
        **machine_resources(takes_gpu),
        mem_mb=memory_of_gain,
        runtime=minutes_of_gain,
    params:
        plan=PLAN.decided_by(
            "time_region",
            packages=lambda w: sorted({"onnx", *runtime_of(w).packages}),
            modules=lambda w: [
                *runtime_of(w).build_modules,
                *runtime_of(w).run_modules,
            ],
            settings=lambda w: runtime_of(w).key_settings(settings_of_region(w)),
            size=size_or_source,
            inference=SETTINGS.inference,
            target=target_of_engine,
        ),
        size=PATCH_SIZE,
        settings=settings_of_region,
        inference=SETTINGS.inference,
    script:
        "../scripts/time_region.py"


# Which regions to lower, and the graph of it. Another budget solves this again and no more.
rule mix_regions:
    input:
        **PLAN.uses(
            "mix_regions",
            regions=REGIONS,
            graph=SOURCE_GRAPH,
            converted=mixed_graphs,
            gains=gains_of_mix,
            sensitivities=sensitivities_of_mix,
            tensors=verified(images_of_mix),
        ),
    output:
        **PLAN.makes("mix_regions", mix=MIX, graph=MIX_GRAPH, proof=MIX_PROOF),
    log:
        "results/logs/mix_regions/{runtime}{at}/{mix}.log",
    benchmark:
        "results/benchmarks/mix_regions/{runtime}{at}/{mix}.tsv"
    conda:
        environment("cpu")
    resources:
        mem_mb=memory_of_convert,
        runtime=minutes_of_convert,
    params:
        plan=PLAN.decided_by(
            "mix_regions",
            packages=[*CONVERSION_PACKAGES, "scipy"],
            accepts_placeholder=SETTINGS.engines.on_unsupported == "skip",
            budget=budget_of_mix,
        ),
        budget=budget_of_mix,
        batch_size=SETTINGS.gain_batch_size,
        slices=SETTINGS.engines.calibration.slices,
        on_unsupported=SETTINGS.engines.on_unsupported,
    script:
        "../scripts/mix_regions.py"


# Prints what each region loses in each precision, the worst first.
rule blame:
    input:
        reference_scores=one_line_errors(lambda w: REFERENCE_SCORES),
        sensitivities=one_line_errors(sensitivities_asked_for),
    log:
        "results/logs/blame.log",
    conda:
        environment("cpu")
    resources:
        mem_mb=500,
        runtime=10,
    params:
        prefix=PLAN.prefix,
    script:
        "../scripts/blame.py"
