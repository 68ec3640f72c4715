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
