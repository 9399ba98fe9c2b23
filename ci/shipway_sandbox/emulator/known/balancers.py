"""What the embedded load balancer does otherwise than Elastic Load Balancing, corrected."""

from __future__ import annotations

from typing import Final

from shipway_sandbox.emulator.difference import API, TASKS, KnownDifference

_HANDLERS: Final = "provisioners._RESOURCE_HANDLERS"

DIFFERENCES: Final = (
    KnownDifference(
        name="alb.answers-at-its-name",
        aws="a load balancer answers at its DNS name; here, and this difference is wanted, the "
        "name is an address of this machine",
        page="Elastic Load Balancing API Reference, LoadBalancer",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/"
        "API_LoadBalancer.html",
        ministack="gives a name of Amazon's, where nothing of ours listens",
        test=API,
        replaces=(
            "alb._ACTION_MAP[CreateLoadBalancer]",
            f"{_HANDLERS}[AWS::ElasticLoadBalancingV2::LoadBalancer][create]",
        ),
    ),
    KnownDifference(
        name="alb.answers-in-its-region",
        aws="a load balancer's address leads to its region, whoever asks: no request is signed",
        page="Elastic Load Balancing, How Elastic Load Balancing works",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/userguide/"
        "how-elastic-load-balancing-works.html",
        ministack="looks for the load balancer in the default region",
        test=API,
        replaces=("app.extract_region",),
    ),
    KnownDifference(
        name="alb.forwards-to-healthy",
        aws="requests go to healthy targets only, to all where none is healthy, and a target that "
        "drains finishes what it has",
        page="Elastic Load Balancing, Deregistration delay",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "edit-target-group-attributes.html",
        ministack="chooses among all that are registered",
        test=TASKS + "test_traffic_goes_to_healthy_targets_only",
        replaces=("alb._forward_to_tg",),
        needs=("alb.target-health",),
    ),
    KnownDifference(
        name="alb.target-health",
        aws="a target is healthy once its health check passed, and says why it is not",
        page="Elastic Load Balancing, Health checks for your target groups",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/"
        "target-group-health-checks.html",
        ministack="says healthy always",
        test=TASKS + "test_without_the_whole_of_it_nothing_is_evaluated",
        replaces=(
            "alb._ACTION_MAP[DeregisterTargets]",
            "alb._ACTION_MAP[DescribeTargetHealth]",
            "alb._ACTION_MAP[RegisterTargets]",
        ),
    ),
)
