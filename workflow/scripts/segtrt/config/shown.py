"""Settings as keys, summary and report have them: no secrets, and no folders of this machine.

Two runs that differ only in where their files lie are then the same, and a report that is passed on
tells neither a password nor whose home folder it was made in.
"""

from dataclasses import replace

from segtrt.addresses import shown_place
from segtrt.config.settings import Settings
from segtrt.publish.place import shown_uri


def shown_settings(settings: Settings) -> Settings:
    """The settings with every place as it may be shown; `report.compare_with` is left as it is."""
    dataset, model, publish = settings.dataset, settings.model, settings.publish

    def shown(place: str | None) -> str | None:
        return None if place is None else shown_place(place)

    return replace(
        settings,
        dataset=replace(dataset, path=shown(dataset.path)),
        tensors=replace(
            settings.tensors, normalisation=shown_place(settings.tensors.normalisation)
        ),
        model=replace(model, network=shown_place(model.network), weights=shown(model.weights)),
        validation=replace(settings.validation, metric=shown_place(settings.validation.metric)),
        publish=replace(
            publish, tracking_uri=publish.tracking_uri and shown_uri(publish.tracking_uri)
        ),
    )
