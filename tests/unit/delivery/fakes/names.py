"""What the made-up release is called: its commit, account, repository and address."""

from __future__ import annotations

SHA = "3f9c2ab1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f6a7"
ACCOUNT = "111122223333"
URI = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com/shop"
ROLE = f"arn:aws:sts::{ACCOUNT}:assumed-role/shop-deploy-staging/ci"
URL = "https://staging.shop.example/health"
TASK_DEFINITION = f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/shop"
