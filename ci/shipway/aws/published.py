"""What the infrastructure publishes: SSM parameters and CloudFormation outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice

from botocore.exceptions import ClientError

from shipway.aws.session import Session, message_of, translated
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import AccessDeniedError, AwsError, CredentialsError, UsageError

# GetParameters takes at most ten names (Systems Manager API Reference, GetParameters).
_NAMES_A_CALL = 10
_SHOWN = 12


class Published:
    """Answers ``ssm:`` and ``cfn:`` references; see :class:`shipway.config.references.References`.

    Ten parameters are read with one call, all outputs of a stack with one call.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def resolve(self, references: Sequence[Reference]) -> Mapping[Reference, Resolution]:
        """Look up every reference; what is not there comes back as :class:`Missing`.

        Raises:
            AccessDeniedError: The role may not read the published configuration.
            CredentialsError: There are no credentials, or they ran out.
        """
        answers: dict[Reference, Resolution] = {}
        parameters = [reference for reference in references if reference.scheme == "ssm"]
        for some in _batches(parameters, _NAMES_A_CALL):
            answers |= self._parameters(some)
        stacks = sorted({reference.stack for reference in references if reference.scheme == "cfn"})
        for stack in stacks:
            asked = [one for one in references if one.scheme == "cfn" and one.stack == stack]
            answers |= self._outputs(stack, asked)
        return answers

    def _parameters(self, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        names = [reference.name for reference in references]
        with translated("ssm:GetParameters", ", ".join(names)):
            answer = self._session.client("ssm").get_parameters(Names=names, WithDecryption=True)
            found = {
                parameter["Name"]: Found(
                    text=parameter["Value"], secret=parameter["Type"] == "SecureString"
                )
                for parameter in answer["Parameters"]
            }
        return {
            reference: found.get(reference.name) or Missing(published=self._beside(reference.name))
            for reference in references
        }

    def _beside(self, name: str) -> tuple[str, ...]:
        """What is published under the same path, as a help; nothing where that may not be asked."""
        folder = name.rpartition("/")[0] or "/"
        try:
            with translated("ssm:GetParametersByPath", folder):
                answer = self._session.client("ssm").get_parameters_by_path(Path=folder)
                names = sorted(parameter["Name"] for parameter in answer["Parameters"])
        except (AwsError, AccessDeniedError, CredentialsError, UsageError):
            return ()
        return tuple(names)[:_SHOWN]

    def _outputs(self, stack: str, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        with translated("cloudformation:DescribeStacks", stack):
            try:
                answer = self._session.client("cloudformation").describe_stacks(StackName=stack)
            except ClientError as error:
                # DescribeStacks says "ValidationError: Stack with id X does not exist".
                if "does not exist" not in message_of(error):
                    raise
                reason = f"there is no stack {stack}"
                return {reference: Missing(reason=reason) for reference in references}
            outputs = {
                output["OutputKey"]: output["OutputValue"]
                for output in answer["Stacks"][0].get("Outputs", ())
            }
        listed = tuple(f"{stack}.{key}" for key in sorted(outputs))[:_SHOWN]
        return {
            reference: Found(text=outputs[reference.output])
            if reference.output in outputs
            else Missing(published=listed)
            for reference in references
        }


def _batches(items: Sequence[Reference], size: int) -> Iterator[Sequence[Reference]]:
    rest = iter(items)
    while batch := tuple(islice(rest, size)):
        yield batch
