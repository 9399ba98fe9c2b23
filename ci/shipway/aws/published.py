"""What the infrastructure publishes: SSM parameters and CloudFormation outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from shipway.aws.client_errors import message_of
from shipway.aws.session import Session, translated
from shipway.config.references import Found, Missing, Reference, Resolution
from shipway.errors import AccessDeniedError, AwsError, CredentialsError, UsageError

# GetParameters takes at most ten names (Systems Manager API Reference, GetParameters).
_NAMES_A_CALL = 10
_SHORTEST_SECRET = 8  # a shorter one occurs in ordinary words (shipway.evidence.mask)
_PAGES = 5  # of ten names each, looked through for one that is misspelt
_SHOWN = 12
_UNLISTED = "Names beside it cannot be listed"


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
        resolutions: dict[Reference, Resolution] = {}
        parameters = [reference for reference in references if reference.scheme == "ssm"]
        for batch in _batches(parameters, _NAMES_A_CALL):
            resolutions |= self._parameters(batch)
        stacks = sorted({reference.stack for reference in references if reference.scheme == "cfn"})
        for stack in stacks:
            outputs = [
                reference
                for reference in references
                if reference.scheme == "cfn" and reference.stack == stack
            ]
            resolutions |= self._outputs(stack, outputs)
        return resolutions

    def _parameters(self, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        # Two ways to write one name are asked for once: GetParameters takes no name twice.
        names = list(dict.fromkeys(reference.parameter for reference in references))
        with _reading("ssm:GetParameters", ", ".join(names)):
            response = self._session.client("ssm").get_parameters(Names=names, WithDecryption=True)
            values = {
                name: _resolution(parameter)
                for parameter in response["Parameters"]
                for name in _names_of(parameter)
            }
        missing: dict[str, Missing] = {}
        resolutions: dict[Reference, Resolution] = {}
        for reference in references:
            if reference.parameter in values:
                resolutions[reference] = values[reference.parameter]
                continue
            folder = _path_of(reference).rpartition("/")[0] or "/"
            if folder not in missing:
                missing[folder] = self._published_in(folder)
            resolutions[reference] = _missing(reference, missing[folder])
            missing[folder] = replace(missing[folder], more=())  # said once for a path
        return resolutions

    def _published_in(self, folder: str) -> Missing:
        """What is published under a path, as a help; where that may not be asked, what to allow."""
        names: list[str] = []
        page: dict[str, str] = {}
        try:
            with translated("ssm:GetParametersByPath", folder):
                for _ in range(_PAGES):
                    client = self._session.client("ssm")
                    response = client.get_parameters_by_path(Path=folder, **page)
                    names += [parameter["Name"] for parameter in response["Parameters"]]
                    if not response.get("NextToken"):
                        break
                    page = {"NextToken": response["NextToken"]}
        except AccessDeniedError as error:
            allow = error.details or (error.remedy,)
            why = f"ssm:GetParametersByPath is not allowed on {folder}"
            return Missing(more=(f"{_UNLISTED}: {why}", f"To see them: {' '.join(allow)}"))
        except (AwsError, CredentialsError, UsageError) as error:
            return Missing(more=(f"{_UNLISTED}: {error.what}",))
        return Missing(published=tuple(names))

    def _outputs(self, stack: str, references: Sequence[Reference]) -> dict[Reference, Resolution]:
        with _reading("cloudformation:DescribeStacks", stack):
            try:
                response = self._session.client("cloudformation").describe_stacks(StackName=stack)
            except ClientError as error:
                # DescribeStacks says "ValidationError: Stack with id X does not exist".
                if "does not exist" not in message_of(error):
                    raise
                command = f"aws cloudformation list-stacks --region {self._session.region}"
                permission = "needs cloudformation:ListStacks, which a rendered role lacks"
                no_stack = Missing(reason=f"there is no stack {stack}")
                first = replace(
                    no_stack, more=(f"To see those there are: {command} ({permission})",)
                )
                return {**dict.fromkeys(references, no_stack), references[0]: first}
            outputs = {
                output["OutputKey"]: output["OutputValue"]
                for output in response["Stacks"][0].get("Outputs", ())
            }
        missing = Missing(published=tuple(f"{stack}.{key}" for key in outputs))
        return {
            reference: Found(text=outputs[reference.output])
            if reference.output in outputs
            else _missing(reference, missing)
            for reference in references
        }


def _names_of(parameter: Mapping[str, Any]) -> Iterator[str]:
    """Every way to have asked for a parameter: its name and its ARN, as it was selected.

    "Selector" of Parameter (Systems Manager API Reference) holds the version or the label, with
    its colon.
    """
    selector = parameter.get("Selector", "")
    for name in (parameter["Name"], parameter.get("ARN", "")):
        if name:
            yield f"{name}{selector}"


def _resolution(parameter: Mapping[str, Any]) -> Resolution:
    if parameter["Type"] == "StringList":
        return Missing(
            there=True,
            reason="is a StringList, and one value is needed: publish it as a String of its own",
        )
    secret = parameter["Type"] == "SecureString"
    if secret and len(parameter["Value"]) < _SHORTEST_SECRET:
        return Missing(
            there=True,
            reason=f"is a SecureString of fewer than {_SHORTEST_SECRET} characters, which cannot "
            "be kept out of a record: what names a thing is a String",
        )
    return Found(text=parameter["Value"], secret=secret)


def _path_of(reference: Reference) -> str:
    """A parameter's path, to see what lies beside it."""
    return reference.unversioned.rpartition(":parameter")[2]


@contextmanager
def _reading(operation: str, resource: str) -> Iterator[None]:
    """The same as :func:`translated`, where a refusal may be the answer to a misspelt name.

    A role may read the names that its policy was rendered with, and no other.
    """
    try:
        with translated(operation, resource):
            yield
    except AccessDeniedError as error:
        raise AccessDeniedError(
            error.what,
            where=error.where,
            details=error.details,
            remedy=f"{error.remedy}; or correct the name in ci/delivery.toml: a role may read only "
            "the names that its policy was rendered with",
        ) from error.__cause__


def _missing(reference: Reference, missing: Missing) -> Missing:
    return replace(missing, published=reference.nearest(missing.published)[:_SHOWN])


def _batches(items: Sequence[Reference], size: int) -> Iterator[Sequence[Reference]]:
    remaining = iter(items)
    while batch := tuple(islice(remaining, size)):
        yield batch
