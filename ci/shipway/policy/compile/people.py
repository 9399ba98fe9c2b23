"""Whom AWS gives the role of deliveries by hand: the people that the contract names.

Pure. The principal is the account, narrowed by ``aws:PrincipalArn``: a role of IAM Identity Center
is made anew with another suffix whenever its permission set is assigned anew, and a trust policy
that named it would break ("Referencing permission sets in resource policies", IAM Identity Center
User Guide). So a person's own permissions must allow ``sts:AssumeRole`` too.
"""

from __future__ import annotations

import re
from typing import Any, Final

from shipway.policy.compile.permissions import sub
from shipway.policy.requirements import RESERVED, EnvironmentPolicy

Document = dict[str, Any]

_ACCOUNT: Final = re.compile(r"arn:[a-z-]+:iam::([0-9]{12}):(.+)")
_OWN: Final = "${AWS::AccountId}"
_ARN: Final = "arn:${AWS::Partition}:iam::"
_SSO: Final = "role/aws-reserved/sso.amazonaws.com/"
# 16 hexadecimal digits. A "*" would let in the permission sets whose names merely begin so.
_SUFFIX: Final = "?" * 16


def policy(environment_policy: EnvironmentPolicy) -> Document:
    """The trust policy of an environment's role for people."""
    named = [_parsed(principal) for principal in environment_policy.by_hand_principals]
    accounts = list(dict.fromkeys(account for account, _ in named))
    roots = [sub(f"{_ARN}{account}:root") for account in accounts]
    arns = [
        sub(f"{_ARN}{account}:{pattern}")
        for account, resource in named
        for pattern in _patterns(resource)
    ]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "PeopleByHand",
                "Effect": "Allow",
                "Principal": {"AWS": roots if len(roots) > 1 else roots[0]},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "ArnLike": {"aws:PrincipalArn": arns if len(arns) > 1 else arns[0]},
                },
            }
        ],
    }


def accounts_of(environment_policy: EnvironmentPolicy) -> frozenset[str]:
    """The other accounts whose people may come; the environment's own is not among them."""
    named = {_parsed(principal)[0] for principal in environment_policy.by_hand_principals}
    return frozenset(named - {_OWN})


def _parsed(principal: str) -> tuple[str, str]:
    """The account and the rest of the ARN: ``role/…`` or ``user/…``."""
    other = _ACCOUNT.fullmatch(principal)
    account, resource = (other[1], other[2]) if other else (_OWN, principal)
    return account, f"{_SSO}{resource}" if resource.startswith(RESERVED) else resource


def _patterns(resource: str) -> tuple[str, ...]:
    """As ``aws:PrincipalArn`` spells it: a permission set's role may have a region in its path."""
    if not resource.startswith(_SSO):
        return (resource,)
    name = f"{resource.rpartition('/')[2].removesuffix('*')}{_SUFFIX}"
    where = resource.removeprefix(_SSO).rpartition("/")[0]
    paths = (f"{where}/",) if where not in {"", "*"} else ("", "*/")
    return tuple(f"{_SSO}{path}{name}" for path in paths)
