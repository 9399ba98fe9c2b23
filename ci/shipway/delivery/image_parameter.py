"""Tell the infrastructure which image was delivered, so that its next update keeps it.

CloudFormation reads a template parameter of type ``AWS::SSM::Parameter::Value<String>`` at each
update of its stack ("Parameters", CloudFormation User Guide). A stack that takes the image from one
registers the image that was delivered last, and not the one that it was made with.
"""

from __future__ import annotations

from collections.abc import Mapping

from shipway.config.environment import Environment
from shipway.config.images import ONE
from shipway.delivery.ports import ImageParameters
from shipway.delivery.stage import stage
from shipway.errors import ImageParameterError, ShipwayError
from shipway.evidence.facts.rollout import ImageParameterFact
from shipway.evidence.journal import Journal
from shipway.util.clock import Clock
from shipway.values import ImageReference

STAGE = "keep"


def keep_image(
    environment: Environment,
    images: Mapping[str, ImageReference],
    parameters: ImageParameters,
    clock: Clock,
    journal: Journal,
) -> None:
    """Write the reference of the release into every parameter that delivery.toml names.

    Args:
        environment: Says which parameters, and which image each takes.
        images: The images of the release, by key; a parameter of another one is left.
        parameters: Where they are.
        clock: The time.
        journal: Is told.

    Raises:
        ImageParameterError: One could not be written; the release itself stays in service.
    """
    written: list[ImageParameterFact] = []
    for name in environment.image_parameters:
        image = images.get(environment.parameter_images.get(name, ONE))
        if image is None:
            continue
        with stage(STAGE, journal, clock, name) as running:
            version = _write(name, image, parameters)
            written.append(ImageParameterFact(name=name, value=str(image), version=version))
            journal.note_all(ImageParameterFact, written)
            running.text = f"names the delivered image, version {version}"


def _write(name: str, image: ImageReference, parameters: ImageParameters) -> int:
    try:
        return parameters.write(name, str(image))
    except ShipwayError as error:
        raise ImageParameterError(
            "the release is in service, but the next stack update will put another image back: "
            f"{name} could not be written",
            where=name,
            details=(error.what, *error.details),
            remedy=f"{error.remedy}; then deliver this commit again, or write it by hand: "
            f"aws ssm put-parameter --overwrite --name {name} --value {image}",
        ) from error
