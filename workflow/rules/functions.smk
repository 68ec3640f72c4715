# What rules ask about their jobs, in the order of the rules. No rules.


def image_folder(wildcards):
    """The folder that images' paths are relative to."""
    return (PLAN.prefix if FETCHED else "") + str(dataset_root())


def archive_path(wildcards):
    """The zip to unpack, or None to download."""
    path = SETTINGS.dataset.path
    return str(locate(path, CHECKOUT)) if path else None


def images_of_shard(wildcards):
    """What decides the tensors of a shard."""
    return dataset_as_listed().shard(int(wildcards.shard))


def demands():
    """What the settings ask of images beside being sound."""
    tensors = SETTINGS.tensors
    return Demands(
        stacked=tensors.normalisation == "volume",
        axis=tensors.axis or 0,
        spaced=tensors.spacing is not None,
    )


def known_or_source(wildcards):
    """What decides the contract: nothing for the U-Net, whose contract is known."""
    if network().has_known_contract(OVERRIDES):
        return "unet"
    return {
        "source": network().decides,
        "overrides": as_json(OVERRIDES),
        "opset": SETTINGS.model.opset,
    }


def weights_path(wildcards):
    """The file or URL of the weights; a URL as it may be written down, the script knows it whole."""
    if SETTINGS.model.given_weights is None:
        raise SegtrtError(
            f"model.weights is null: {SETTINGS.model.network} brings its own weights, so there are "
            "none to fetch"
        )
    if is_url(SETTINGS.model.given_weights):
        return without_secrets(SETTINGS.model.given_weights)
    return str(locate(SETTINGS.model.given_weights, CHECKOUT))


def calibration_tensors(wildcards):
    """Shards with the images that decide a quantised graph."""
    return all_shards(TENSORS) if Graph(wildcards.graph).quantised else []


def calibration_of_graph(wildcards):
    """What decides a quantised graph beside the float32 one: images, and how they are encoded."""
    if not Graph(wildcards.graph).quantised:
        return None
    if workflow.is_main_process:
        check_calibration(SETTINGS.dataset, dataset().subjects, dataset_root())
    return {
        "settings": SETTINGS.engines.calibration,
        "images": dataset_as_listed().calibration,
        "tensors": encoding(),
        "encoding": {
            "code": code_of("encode_slices"),
            "network": code_of("inspect_network"),
            **versions_of(*ENCODING_PACKAGES),
        },
    }


def graph_of_region(wildcards):
    """The graph that a region in low precision is taken from; short floats are rounding alone."""
    graph = Graph(wildcards.graph)
    return WHOLE_GRAPH.format(graph=graph) if graph in CODED else []


def proof_of_region(wildcards):
    graph = Graph(wildcards.graph)
    return WHOLE_PROOF.format(graph=graph) if graph in CODED else []


def sensitivities_asked_for(wildcards):
    """What each region loses in each precision, where there is something to find and to find it on."""
    if not matrix().lowered:
        raise SegtrtError(
            "engines.precisions has no precision below float32, so there is nothing to blame; add "
            "int8, bf16, fp16 or fp8"
        )
    if workflow.is_main_process:
        check_search(SETTINGS.dataset, dataset().subjects, dataset_root())
    return all_sensitivities(wildcards)


def reported_regions(wildcards):
    """For `input`: the regions, where subjects are set aside to judge them on."""
    return [REGIONS] if SETTINGS.dataset.search_fraction and matrix().lowered else []


def reported_sensitivities(wildcards):
    """For `input`: what they lose."""
    return sensitivities_asked_for(wildcards) if reported_regions(wildcards) else []


def reported_mixes(wildcards):
    """For `input`: the mixes."""
    return all_mixes(MIX)(wildcards)


def converted_graph(graph):
    """A graph that regions are taken from."""
    return (WHOLE_GRAPH if graph in CODED else GRAPH).format(graph=graph)


def graph_to_time(wildcards):
    """The graph that the region of a job is taken from."""
    return converted_graph(Graph(wildcards.graph))


def proof_to_time(wildcards):
    graph = Graph(wildcards.graph)
    return (WHOLE_PROOF if graph in CODED else PROOF).format(graph=graph)


def settings_of_region(wildcards):
    """How engines are built to time regions, but for their precision."""
    return plain_settings(SETTINGS)


def graphs_to_mix(wildcards):
    """The graphs that a mix takes regions from."""
    return matrix().graphs_to_mix(wildcards.runtime + wildcards.at)


def mixed_graphs(wildcards):
    return [converted_graph(graph) for graph in graphs_to_mix(wildcards)]


def gains_of_mix(wildcards):
    """What each region, and all together, gain in each precision on a mix's runtime and machine."""
    return expand(
        GAIN,
        runtime=wildcards.runtime,
        at=wildcards.at,
        graph=graphs_to_mix(wildcards),
        part=PARTS,
    )


def sensitivities_of_mix(wildcards):
    """What each region loses in each precision that a mix may have."""
    if workflow.is_main_process:
        check_search(SETTINGS.dataset, dataset().subjects, dataset_root())
    return expand(SENSITIVITY, graph=graphs_to_mix(wildcards), region=REGION_NUMBERS)


def images_of_mix(wildcards):
    """Shards with the images that a mix's graph is proven on."""
    quantised = any(graph.quantised for graph in graphs_to_mix(wildcards))
    return all_shards(TENSORS) if quantised else []


def budget_of_mix(wildcards):
    """What the regions of a mix may lose together."""
    return SETTINGS.precision_search.max_loss[Precision(wildcards.mix).graph.budget]


def size_or_source(wildcards):
    """Patches' size, or what decides it: the size of an image, and what becomes of it."""
    if PATCH_SIZE:
        return PATCH_SIZE
    return {
        "images": dataset_as_listed().sizing,
        "axis": SETTINGS.tensors.axis,
        "spacing": SETTINGS.tensors.spacing,
        "code": code_of("encode_slices"),
    }


def known_samples(wildcards):
    """The slices to write, which must be slices of the data set."""
    if workflow.is_main_process:
        check_samples(SETTINGS.tensors, dataset().listing, dataset_root())
    return SETTINGS.tensors.samples


def graph_of(spec):
    """The graph that an engine of the matrix is built from."""
    if spec.settings.precision.is_mix:
        return MIX_GRAPH.format(
            runtime=spec.runtime, at=at(spec.machine), mix=spec.settings.precision
        )
    return GRAPH.format(graph=spec.graph)


def graph_of_engine(wildcards):
    return graph_of(engine_of(wildcards))


def proof_of_engine(wildcards):
    spec = engine_of(wildcards)
    if spec.settings.precision.is_mix:
        return MIX_PROOF.format(
            runtime=spec.runtime, at=at(spec.machine), mix=spec.settings.precision
        )
    return PROOF.format(graph=spec.graph)


def tolerance_of_engine(wildcards):
    return SETTINGS.tolerance(engine_of(wildcards).settings.precision)


def metric_code(wildcards):
    """The code of a metric that is the user's own function."""
    return code_of_function(SETTINGS.validation.metric)


def left_out_engines(wildcards):
    """Why engines asked for are not built, by name."""
    return {cell.name: cell.reason for cell in matrix().left_out}


def edges_of_report(wildcards):
    """The picture of the rules."""
    return [*PLAN.edges("summarise"), ("summarise", "write_report")]


def summary_to_compare(wildcards):
    """What decides the comparison: the content of the other summary."""
    if workflow.is_main_process:
        check_compared(SETTINGS, Path())
    return digest_compared(SETTINGS.report.compare_with)


def _packaged():
    """The engines of which one goes into the package: all that are run, or the one that is named."""
    wanted = SETTINGS.package.engine
    specs = [spec for spec in matrix().runnable if wanted in (None, spec.name)]
    if not specs:
        known = name_some([spec.name for spec in matrix().runnable], 12)
        raise SegtrtError(
            f"package.engine is {wanted}, which is none of the engines that are run ({known})"
            if wanted
            else "there is no engine to package: none of those asked for is run"
        )
    return specs


def packaged_engines(path):
    """For `input`: the path for each engine that the package may have."""
    return lambda wildcards: [_of_engine(path, spec) for spec in _packaged()]


def packaged_graphs(wildcards):
    """The graphs of those engines."""
    return sorted({graph_of(spec) for spec in _packaged()})


def settings_of_package(wildcards):
    """What of the settings decides the package; files by their names."""
    values = as_json(SETTINGS.package)
    for kind in ("licences", "notices"):
        values[kind] = [Path(path).name for path in values[kind]]
    return values


def serving_of_engines(wildcards):
    """What runtimes say of serving and installing engines that the package may have."""
    return {
        spec.name: [
            as_json(get_runtime(spec.runtime).serving(spec.settings)),
            get_runtime(spec.runtime).requirements({"runtime": ""}),
        ]
        for spec in _packaged()
    }


def digest_of_licences(wildcards):
    """SHA-256 of the files of licences and notices."""
    return digest_files([*SETTINGS.package.licences, *SETTINGS.package.notices])


def published_engines(path):
    """For `input`: the path for each engine that may go with a published run."""
    which = SETTINGS.publish.engines
    if which == "none":
        return []
    return all_engines(path) if which == "all" else runnable_engines(path)


@one_line_errors
def publishing(wildcards):
    """Where the run is published, as it may be shown, and what of it."""
    if workflow.is_main_process:
        methods = workflow.deployment_settings.deployment_method
        check_publishing(own_environment=any(one.name == "CONDA" for one in methods))
    uri = tracking_uri(SETTINGS.publish.tracking_uri, os.environ)
    return {**as_json(SETTINGS.publish), "tracking_uri": shown_uri(uri)}


@one_line_errors
def state_of_engines(wildcards):
    """Every engine asked for with its state, and what they are made from that is out of date."""
    nodes = [PLAN.maker(path) for path in all_engines(ENGINE)(wildcards)]
    rows = [(node.name, str(PLAN.states.of(node))) for node in nodes]
    rows += [(cell.name, f"left out ({cell.reason})") for cell in matrix().left_out]
    text = f"the {len(rows)} engines asked for\n{table(rows)}"
    causes = {n: why for n, why in PLAN.states.out_of_date().items() if n not in nodes}
    return f"{text}\nmade from\n{summarise_changes(causes)}" if causes else text


@one_line_errors
def engine_records(wildcards):
    """Key records of every engine asked for, below the plan's folder."""
    nodes = [PLAN.maker(path) for path in all_engines(ENGINE)(wildcards)]
    return [node.record.removeprefix(PLAN.prefix) for node in nodes]
