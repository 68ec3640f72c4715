"""What decides what, written by hand: the tables of the oracle. Nothing here asks the library.

A test that fails because of a table is a question: should this edit really make those artefacts
again? If so, mend the table; if not, mend the imports.
"""

CODE = {
    "addresses": (
        "blame_region describe_segmentation encode_slices fetch_weights make_package "
        "score_engine score_rebuild score_reference time_preparation"
    ),
    "arrays": (
        "blame_region build_engine convert_onnx convert_whole describe_segmentation "
        "make_package mix_regions rebuild_engine run_engine run_reference time_engine "
        "time_reference time_region write_report write_samples"
    ),
    "config.package": "make_package summarise",
    "config.precision_search": "summarise",
    "config.publish": "summarise",
    "config.settings": "summarise",
    "config.typed": "summarise",
    "data.encode": "encode_slices time_preparation",
    "data.encoding": "describe_segmentation encode_slices make_package time_preparation",
    "data.entries": "list_slices",
    "data.fetched_folder": "list_slices",
    "data.first_slices": "rebuild_engine time_engine time_reference time_region",
    "data.form": "list_slices",
    "data.formats.arrays": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.dicom": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.image": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.kinds": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "list_slices make_package mix_regions rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_engine time_preparation "
        "time_reference time_region train write_samples"
    ),
    "data.formats.pictures": (
        "encode_slices list_slices score_engine score_rebuild time_preparation"
    ),
    "data.formats.read": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.tiff": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.volumes": "encode_slices list_slices score_engine score_rebuild time_preparation",
    "data.formats.write": "score_engine score_rebuild",
    "data.geometry": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild score_reference summarise time_engine time_preparation time_reference "
        "time_region train write_samples"
    ),
    "data.intensity": "describe_segmentation encode_slices make_package time_preparation",
    "data.labels": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "list_slices make_package mix_regions rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_engine time_preparation "
        "time_reference time_region train write_samples"
    ),
    "data.layout": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "list_slices make_package mix_regions rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_engine time_preparation "
        "time_reference time_region train write_samples"
    ),
    "data.listing": "list_slices",
    "data.make_manifest": "list_slices",
    "data.manifest": (
        "describe_segmentation encode_slices list_slices make_package summarise time_preparation"
    ),
    "data.nnunet": "list_slices",
    "data.normalisations": "describe_segmentation encode_slices make_package time_preparation",
    "data.normalise": "describe_segmentation encode_slices make_package time_preparation",
    "data.own_code": "describe_segmentation make_package",
    "data.placement": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild score_reference summarise time_engine time_preparation time_reference "
        "time_region train write_samples"
    ),
    "data.preparation": "describe_segmentation encode_slices make_package time_preparation",
    "data.preparation_file": "summarise time_preparation",
    "data.preparation_timing": "time_preparation",
    "data.prepared": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild score_reference summarise time_engine time_preparation time_reference "
        "time_region train write_samples"
    ),
    "data.resampling": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild score_reference summarise time_engine time_preparation time_reference "
        "time_region train write_samples"
    ),
    "data.roots": "list_slices",
    "data.scan": "list_slices",
    "data.sharding": "list_slices",
    "data.stored": "encode_slices time_preparation",
    "data.tensor_file": (
        "blame_region build_engine convert_onnx convert_whole describe_segmentation "
        "encode_slices make_package mix_regions rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_engine time_preparation "
        "time_reference time_region train write_samples"
    ),
    "data.volume": "describe_segmentation encode_slices make_package time_preparation",
    "data.walk": "list_slices",
    "data.wildcards": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "list_slices make_package mix_regions rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_engine time_preparation "
        "time_reference time_region train write_samples"
    ),
    "data.windows": (
        "blame_region convert_onnx convert_whole describe_segmentation encode_slices "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild score_reference summarise time_engine time_preparation time_reference "
        "time_region train write_samples"
    ),
    "deploy.describe": "describe_segmentation",
    "deploy.segmentation": "describe_segmentation make_package",
    "engines.answering": (
        "blame_region describe_segmentation rebuild_engine run_engine run_reference "
        "time_reference write_samples"
    ),
    "engines.budget": "rebuild_engine summarise time_engine time_reference time_region",
    "engines.build": "build_engine rebuild_engine time_region",
    "engines.gain": "time_region",
    "engines.gain_file": "mix_regions time_region",
    "engines.load": "make_package rebuild_engine run_engine time_engine time_region",
    "engines.paired_timing": "time_region",
    "engines.patch": "build_engine time_region",
    "engines.rebuild": "rebuild_engine",
    "engines.rebuild_file": "rebuild_engine score_rebuild summarise",
    "engines.record": (
        "build_engine make_package rebuild_engine run_engine score_engine score_rebuild "
        "summarise time_engine time_region validate_engine"
    ),
    "engines.run": "rebuild_engine run_engine",
    "engines.time": "rebuild_engine time_engine",
    "engines.timing": "rebuild_engine time_engine time_reference time_region",
    "engines.timing_file": "rebuild_engine summarise time_engine time_reference time_region",
    "files": (
        "blame_region build_engine convert_onnx convert_whole describe_segmentation "
        "encode_slices export_onnx fetch_weights inspect_network list_slices make_package "
        "mix_regions rebuild_engine run_engine run_reference score_engine score_rebuild "
        "score_reference split_regions summarise time_engine time_preparation time_reference "
        "time_region train validate_engine write_report write_samples"
    ),
    "formats": (
        "blame_region build_engine describe_segmentation encode_slices list_slices make_package "
        "mix_regions rebuild_engine run_engine score_engine score_rebuild score_reference "
        "split_regions summarise time_engine time_preparation time_reference time_region "
        "validate_engine write_report"
    ),
    "graphs.activation_ranges": "convert_onnx convert_whole",
    "graphs.axes": (
        "build_engine:onnxruntime build_engine:tensorrt export_onnx inspect_network "
        "rebuild_engine:onnxruntime rebuild_engine:tensorrt time_region:onnxruntime "
        "time_region:tensorrt"
    ),
    "graphs.calibration": "convert_onnx convert_whole mix_regions",
    "graphs.clean": (
        "blame_region build_engine:tensorrt convert_onnx convert_whole export_onnx "
        "inspect_network mix_regions rebuild_engine:tensorrt split_regions time_region"
    ),
    "graphs.conversion": "convert_onnx convert_whole",
    "graphs.convert": "convert_onnx convert_whole",
    "graphs.converters": "convert_onnx convert_whole mix_regions",
    "graphs.ending": (
        "blame_region convert_onnx convert_whole export_onnx inspect_network mix_regions"
    ),
    "graphs.engine_shape": (
        "build_engine:onnxruntime build_engine:tensorrt rebuild_engine:onnxruntime "
        "rebuild_engine:tensorrt time_region:onnxruntime time_region:tensorrt"
    ),
    "graphs.export": "export_onnx inspect_network",
    "graphs.intake": "export_onnx inspect_network",
    "graphs.mixed_graph": "mix_regions",
    "graphs.mixing": (
        "blame_region build_engine:tensorrt mix_regions rebuild_engine:tensorrt time_region"
    ),
    "graphs.modelopt": "convert_onnx convert_whole",
    "graphs.modelopt_process": "convert_onnx convert_whole",
    "graphs.normalise": "export_onnx inspect_network",
    "graphs.proof": "convert_onnx convert_whole export_onnx inspect_network mix_regions",
    "graphs.proof_file": (
        "blame_region build_engine convert_onnx convert_whole export_onnx inspect_network "
        "mix_regions time_region"
    ),
    "graphs.proof_images": "convert_onnx convert_whole mix_regions",
    "graphs.quantise": "convert_onnx convert_whole",
    "graphs.regions": (
        "blame_region build_engine:tensorrt mix_regions rebuild_engine:tensorrt split_regions "
        "summarise time_region"
    ),
    "graphs.regions_file": "blame_region mix_regions split_regions summarise time_region",
    "graphs.rounding": "blame_region",
    "graphs.running": (
        "blame_region convert_onnx convert_whole export_onnx inspect_network mix_regions "
        "run_reference time_reference write_samples"
    ),
    "graphs.sample": "summarise write_samples",
    "graphs.sample_inputs": "write_samples",
    "graphs.samples": "make_package write_samples",
    "graphs.source_graph": "export_onnx inspect_network",
    "graphs.static_quantisation": "convert_onnx convert_whole",
    "machine.cgroup": (
        "blame_region convert_onnx convert_whole export_onnx inspect_network list_slices "
        "mix_regions rebuild_engine run_engine:onnxruntime run_engine:openvino run_reference "
        "time_engine time_reference time_region:onnxruntime time_region:openvino write_samples"
    ),
    "machine.cpu": (
        "blame_region convert_onnx convert_whole export_onnx inspect_network list_slices "
        "mix_regions rebuild_engine run_engine:onnxruntime run_engine:openvino run_reference "
        "time_engine time_reference time_region:onnxruntime time_region:openvino write_samples"
    ),
    "machine.gpu": "rebuild_engine time_engine",
    "model.baselines": "time_reference",
    "model.bundle": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.contract": "inspect_network",
    "model.download": "fetch_weights",
    "model.inference": "run_reference time_reference write_samples",
    "model.input": "export_onnx inspect_network",
    "model.load": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.network_file": "inspect_network train",
    "model.outputs": "export_onnx inspect_network run_reference time_reference write_samples",
    "model.probe": "inspect_network",
    "model.reference": "run_reference write_samples",
    "model.reference_timing": "time_reference",
    "model.reference_timing_file": "summarise time_reference",
    "model.source": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.spec": (
        "blame_region build_engine describe_segmentation encode_slices inspect_network "
        "make_package rebuild_engine run_engine run_reference score_engine score_rebuild "
        "summarise time_engine time_preparation time_reference time_region train "
        "validate_engine write_samples"
    ),
    "model.unet": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.user_code": (
        "describe_segmentation export_onnx fetch_weights inspect_network make_package "
        "run_reference time_reference train write_samples"
    ),
    "model.weight_files": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.weights": (
        "export_onnx fetch_weights inspect_network run_reference time_reference train write_samples"
    ),
    "model.weights_source": "fetch_weights",
    "package.archive": "make_package",
    "package.card": "make_package",
    "package.checksums": "make_package",
    "package.choice": "make_package",
    "package.golden": "make_package",
    "package.licences": "make_package",
    "package.make": "make_package",
    "package.manifest": "make_package",
    "package.model_server": "make_package",
    "package.onnx_view": "make_package",
    "package.requirements": "make_package",
    "package.served": "make_package",
    "package.triton": "make_package",
    "package.views": "make_package",
    "plan.rule_graph": "summarise",
    "precision": (
        "blame_region build_engine convert_onnx convert_whole export_onnx inspect_network "
        "make_package mix_regions rebuild_engine run_engine run_reference score_engine "
        "score_rebuild summarise time_engine time_reference time_region validate_engine "
        "write_report write_samples"
    ),
    "quality.answers": (
        "blame_region describe_segmentation rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_reference write_samples"
    ),
    "quality.blame": "blame_region",
    "quality.components": (
        "blame_region describe_segmentation make_package rebuild_engine run_engine "
        "run_reference score_engine score_rebuild score_reference summarise time_reference "
        "write_samples"
    ),
    "quality.confidence": "score_engine score_rebuild",
    "quality.decode": (
        "blame_region describe_segmentation make_package rebuild_engine run_engine "
        "run_reference score_engine score_rebuild score_reference summarise time_reference "
        "write_samples"
    ),
    "quality.differing": "rebuild_engine",
    "quality.errors": (
        "blame_region make_package rebuild_engine score_engine score_rebuild time_reference"
    ),
    "quality.failure_words": "make_package summarise write_report",
    "quality.failures": "make_package summarise validate_engine write_report",
    "quality.judging": "validate_engine",
    "quality.labels": (
        "blame_region describe_segmentation rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_reference write_samples"
    ),
    "quality.loss_limit": "summarise validate_engine",
    "quality.masks": "score_engine score_rebuild",
    "quality.means": "blame_region score_engine score_rebuild score_reference summarise",
    "quality.metric": "blame_region score_engine score_rebuild score_reference",
    "quality.metric_table": "make_package summarise validate_engine write_report",
    "quality.mix_choice": "mix_regions",
    "quality.mix_file": "mix_regions summarise",
    "quality.mix_plan": "mix_regions",
    "quality.outlines": "score_engine score_rebuild summarise",
    "quality.overlap": "blame_region score_engine score_rebuild score_reference",
    "quality.precision_proof": "validate_engine",
    "quality.raw_sample": (
        "blame_region describe_segmentation rebuild_engine run_engine run_reference "
        "score_engine score_rebuild score_reference summarise time_reference write_samples"
    ),
    "quality.rebuild_scores": "score_rebuild summarise",
    "quality.rebuild_scoring": "score_rebuild",
    "quality.reference_scores": "blame_region score_engine score_rebuild score_reference summarise",
    "quality.reference_scoring": "score_reference",
    "quality.sample_limits": "make_package",
    "quality.scores": (
        "blame_region make_package rebuild_engine score_engine score_rebuild score_reference "
        "summarise time_reference validate_engine"
    ),
    "quality.scoring": "score_engine score_rebuild",
    "quality.sensitivity": "blame_region mix_regions summarise time_region",
    "quality.subject_labels": (
        "blame_region describe_segmentation rebuild_engine score_engine score_rebuild "
        "score_reference summarise"
    ),
    "quality.verdict": "summarise validate_engine",
    "quality.views": "score_engine score_rebuild summarise",
    "quality.worth": "blame_region score_engine score_rebuild score_reference",
    "report.baselines": "write_report",
    "report.cautions": "write_report",
    "report.chart": "write_report",
    "report.charts_confidence": "write_report",
    "report.charts_quality": "write_report",
    "report.charts_speed": "write_report",
    "report.charts_subjects": "write_report",
    "report.charts_time": "write_report",
    "report.machines": "write_report",
    "report.matrix": "write_report",
    "report.mixes": "write_report",
    "report.overview": "write_report",
    "report.page": "write_report",
    "report.profiles": "write_report",
    "report.rebuilds": "write_report",
    "report.regions": "write_report",
    "report.wording": "make_package write_report",
    "runtimes.base": (
        "build_engine make_package rebuild_engine run_engine time_engine time_region write_report"
    ),
    "runtimes.cpu.messages": (
        "build_engine:onnxruntime build_engine:openvino rebuild_engine:onnxruntime "
        "rebuild_engine:openvino run_engine:onnxruntime run_engine:openvino "
        "time_engine:onnxruntime time_engine:openvino time_region:onnxruntime "
        "time_region:openvino"
    ),
    "runtimes.cpu.session": (
        "rebuild_engine:onnxruntime rebuild_engine:openvino run_engine:onnxruntime "
        "run_engine:openvino time_engine:onnxruntime time_engine:openvino "
        "time_region:onnxruntime time_region:openvino"
    ),
    "runtimes.description": (
        "build_engine make_package rebuild_engine run_engine run_reference score_engine "
        "score_rebuild summarise time_engine time_reference time_region validate_engine "
        "write_report write_samples"
    ),
    "runtimes.onnxruntime.build": (
        "build_engine:onnxruntime rebuild_engine:onnxruntime time_region:onnxruntime"
    ),
    "runtimes.onnxruntime.run": (
        "rebuild_engine:onnxruntime run_engine:onnxruntime time_engine:onnxruntime "
        "time_region:onnxruntime"
    ),
    "runtimes.openvino.build": "build_engine:openvino rebuild_engine:openvino time_region:openvino",
    "runtimes.openvino.properties": (
        "build_engine:openvino rebuild_engine:openvino run_engine:openvino time_engine:openvino "
        "time_region:openvino"
    ),
    "runtimes.openvino.run": (
        "rebuild_engine:openvino run_engine:openvino time_engine:openvino time_region:openvino"
    ),
    "runtimes.registry": (
        "build_engine make_package rebuild_engine run_engine time_engine time_region write_report"
    ),
    "runtimes.serving": (
        "build_engine make_package rebuild_engine run_engine time_engine time_region write_report"
    ),
    "runtimes.tensorrt.build": "build_engine:tensorrt rebuild_engine:tensorrt time_region:tensorrt",
    "runtimes.tensorrt.cache": (
        "rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt time_region:tensorrt"
    ),
    "runtimes.tensorrt.cuda": (
        "rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt time_region:tensorrt"
    ),
    "runtimes.tensorrt.graph": "build_engine:tensorrt rebuild_engine:tensorrt time_region:tensorrt",
    "runtimes.tensorrt.inspect": (
        "build_engine:tensorrt rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt "
        "time_region:tensorrt"
    ),
    "runtimes.tensorrt.lane": (
        "rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt time_region:tensorrt"
    ),
    "runtimes.tensorrt.log": (
        "build_engine:tensorrt rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt "
        "time_region:tensorrt"
    ),
    "runtimes.tensorrt.session": (
        "rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt time_region:tensorrt"
    ),
    "runtimes.tensorrt.tf32": (
        "build_engine:tensorrt rebuild_engine:tensorrt run_engine:tensorrt time_engine:tensorrt "
        "time_region:tensorrt"
    ),
    "runtimes.tensorrt.timing_cache": (
        "build_engine:tensorrt rebuild_engine:tensorrt time_region:tensorrt"
    ),
    "summary.baselines": "summarise",
    "summary.benchmark_files": "summarise",
    "summary.comparison": "summarise",
    "summary.dataset": "summarise",
    "summary.document": "make_package summarise write_report",
    "summary.engines": "summarise",
    "summary.machines": "summarise",
    "summary.mixes": "summarise",
    "summary.overlay_index": "summarise write_report",
    "summary.overlays": "summarise",
    "summary.rebuilds": "summarise",
    "summary.regions": "summarise",
    "summary.selection_rule": "summarise",
    "summary.summarise": "summarise",
    "summary.view_choice": "summarise",
    "training.augmentation": "train",
    "training.data": "train",
    "training.device": "train",
    "training.ending": "train",
    "training.optimisation": "train",
    "training.report": "train",
    "training.targets": "train",
    "training.train": "train",
    "training.validation": "train",
    "user_function": (
        "blame_region describe_segmentation encode_slices export_onnx fetch_weights "
        "inspect_network make_package run_reference score_engine score_rebuild score_reference "
        "time_preparation time_reference train write_samples"
    ),
}
"""Library module -> rules (`rule` or `rule:runtime`) whose outcome it decides."""

DECIDE_PACKAGES = (
    "arrays config.package data.encoding data.formats.kinds data.geometry data.intensity "
    "data.labels data.layout data.manifest data.normalisations data.normalise data.placement "
    "data.preparation data.prepared data.resampling data.tensor_file data.volume data.wildcards "
    "data.windows deploy.segmentation engines.load engines.record files formats graphs.samples "
    "model.spec package.archive package.card package.checksums package.choice package.golden "
    "package.licences package.make package.manifest package.model_server package.onnx_view "
    "package.requirements package.served package.triton package.views precision "
    "quality.components quality.decode quality.errors quality.failure_words quality.failures "
    "quality.metric_table quality.scores report.wording runtimes.base runtimes.description "
    "runtimes.registry runtimes.serving summary.document user_function"
)
"""Library modules that decide what a package is."""

for _module in DECIDE_PACKAGES.split():
    CODE[_module] = f"{CODE.get(_module, '')} make_package"

NO_ARTEFACT = frozenset(
    {
        "__main__",
        "cli.amounts",
        "cli.compare",
        "cli.engine",
        "cli.inspect",
        "cli.limits",
        "cli.main",
        "cli.network",
        "cli.pick",
        "cli.pick_options",
        "cli.parser",
        "cli.picture",
        "cli.places",
        "cli.predict",
        "cli.report",
        "cli.report_options",
        "cli.report_settings",
        "cli.run",
        "cli.text",
        "cli.verify",
        "config.duplicates",
        "config.faults",
        "config.images",
        "config.network",
        "config.reference",
        "config.resolve",
        "config.resources",
        "config.schema",
        "config.shown",
        "data.archive",
        "data.kaggle",
        "data.kaggle_download",
        *(
            f"deploy.{name}"
            for name in (
                *("arrays", "folders", "images", "job", "model", "outputs", "overlay", "predict"),
                *("probabilities", "proven", "reading"),
            )
        ),
        "engines.matrix",
        "errors",
        "machine.facts",
        "package.opened",
        "package.verify",
        "plan.checks",
        "plan.contents",
        "plan.dataset",
        "plan.declare",
        "plan.fingerprint",
        "plan.hash_cache",
        "plan.job",
        "plan.jobs",
        "plan.limits",
        "terminal.attach",
        "terminal.digest",
        "terminal.stages",
        "terminal.story",
        "plan.node",
        "plan.patch",
        "plan.patterns",
        "plan.records",
        "plan.removal",
        "plan.rules",
        "plan.run_lock",
        "plan.run_start",
        "plan.sources",
        "plan.states",
        "plan.store",
        "plan.surroundings",
        "plan.upkeep",
        "plan.verify",
        "progress",
        "publish.facts",
        "publish.mlflow_run",
        "publish.place",
        "publish.publish",
        "publish.published",
        "quality.blame_table",
        "quality.check",
        "runtimes.cpu.base",
        "runtimes.onnxruntime.runtime",
        "runtimes.openvino.runtime",
        "runtimes.tensorrt.runtime",
        "summary.closing",
        "summary.selection",
    }
)
"""Library modules that decide no artefact, or only by what they tell the plan: an edit of one that
makes no difference to a key builds nothing."""

SCRIPTS = [
    "blame_region",
    "build_engine",
    "convert_onnx",
    "convert_whole",
    "describe_segmentation",
    "encode_slices",
    "export_onnx",
    "fetch_weights",
    "inspect_network",
    "list_slices",
    "make_package",
    "mix_regions",
    "rebuild_engine",
    "run_engine",
    "run_reference",
    "score_engine",
    "score_rebuild",
    "score_reference",
    "split_regions",
    "summarise",
    "time_engine",
    "time_preparation",
    "time_reference",
    "time_region",
    "train",
    "validate_engine",
    "write_report",
    "write_samples",
]
"""Scripts that make an artefact; each decides the rule of its name."""

PACKAGES = {
    "numpy": (
        "list_slices encode_slices time_preparation inspect_network convert_onnx score_reference "
        "score_engine score_rebuild summarise convert_whole blame_region mix_regions"
    ),
    "pillow": (
        "list_slices encode_slices time_preparation score_reference score_engine score_rebuild "
        "summarise blame_region"
    ),
    "tifffile": (
        "list_slices encode_slices time_preparation score_reference score_engine score_rebuild "
        "blame_region"
    ),
    "imagecodecs": "list_slices encode_slices time_preparation",
    "simpleitk": (
        "list_slices encode_slices time_preparation score_reference score_engine score_rebuild "
        "blame_region"
    ),
    "scipy": (
        "encode_slices time_preparation score_reference score_engine score_rebuild summarise "
        "blame_region mix_regions"
    ),
    "scikit-image": (
        "encode_slices time_preparation score_reference score_engine score_rebuild summarise "
        "blame_region"
    ),
    "medpy": "score_reference score_engine score_rebuild blame_region",
    "torch": (
        "train fetch_weights inspect_network export_onnx write_samples run_reference time_reference"
    ),
    "matplotlib": "train",
    "onnx": (
        "inspect_network export_onnx convert_onnx build_engine:onnxruntime build_engine:tensorrt "
        "rebuild_engine:onnxruntime rebuild_engine:tensorrt split_regions convert_whole "
        "blame_region time_region mix_regions"
    ),
    "onnxscript": "inspect_network export_onnx",
    "onnxslim": "inspect_network export_onnx",
    "nvidia-modelopt": "convert_onnx convert_whole mix_regions",
    "ml_dtypes": "convert_onnx convert_whole blame_region mix_regions",
    "onnxruntime": (
        "inspect_network export_onnx convert_onnx write_samples run_reference time_reference "
        "convert_whole blame_region mix_regions"
    ),
    "openvino": "convert_onnx convert_whole mix_regions",
    "jinja2": "write_report",
    "plotly": "write_report",
    **dict.fromkeys(("jsonschema", "psutil", "pyyaml", "segtrt", "tqdm"), ""),
}
"""Package -> rules whose outcome its version decides, beside the runtimes' own packages. Contracts
that are known are found with none, and the network is run by torch or else by onnxruntime."""

for _package in (
    *("imagecodecs", "jsonschema", "numpy", "onnx", "pillow", "psutil", "pyyaml"),
    *("scikit-image", "scipy", "segtrt", "simpleitk", "tifffile", "tqdm"),
):
    PACKAGES[_package] += " make_package"

PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8")

MIXES = ("mixed", "mixed_b2", "mixed_b3")
"""The mixes of the budgets, each of which is a graph of its own for each runtime and machine."""

GRAPHS = {
    ("onnxruntime", "fp32"): "fp32",
    ("onnxruntime", "int8"): "int8",
    ("openvino", "fp32"): "fp32",
    ("openvino", "int8"): "int8_openvino",
    ("tensorrt", "fp32"): "fp32",
    ("tensorrt", "tf32"): "fp32",
    ("tensorrt", "fp16"): "fp16",
    ("tensorrt", "bf16"): "bf16",
    ("tensorrt", "int8"): "int8_signed",
    ("tensorrt", "fp8"): "fp8",
}
"""(runtime, precision) -> its graph; a pair that is missing cannot be had on this machine."""

NOT_REPEATABLE = frozenset(
    {
        "build_engine",
        "mix_regions",
        "rebuild_engine",
        "summarise",
        "time_engine",
        "time_preparation",
        "time_reference",
        "time_region",
        "train",
    }
)
"""Rules that may give other bytes when they run again: their outputs hold measured times."""
