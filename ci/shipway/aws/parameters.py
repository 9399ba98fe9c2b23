"""SSM parameters that shipway writes: the image of the last release."""

from __future__ import annotations

from shipway.aws.session import Session, translated


class Parameters:
    """Implements :class:`shipway.delivery.ports.ImageParameters`.

    Args:
        session: Where the calls go.
    """

    def __init__(self, session: Session) -> None:
        self._session = session

    def write(self, name: str, value: str) -> int:
        """Give a parameter another value; the answer is its new version.

        It is never made: without ``Type`` PutParameter refuses a name that is not there (Systems
        Manager API Reference, PutParameter), and what nobody made nobody reads.

        Raises:
            AccessDeniedError: The role may not write it.
            AwsError: Systems Manager refused, or cannot be reached.
        """
        with translated("ssm:PutParameter", name):
            client = self._session.client("ssm")
            return int(client.put_parameter(Name=name, Value=value, Overwrite=True)["Version"])
