"""A bucket of an S3 server, and the environment in which everything finds it."""

import secrets
from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True)
class Bucket:
    """A bucket by name at an endpoint; the secret is in ``environment`` and nowhere else."""

    endpoint: str
    name: str
    secret: str = field(repr=False)

    @classmethod
    def make(cls, endpoint: str, name: str) -> Self:
        """An empty bucket."""
        bucket = cls(endpoint, name, secrets.token_hex(16))
        bucket._client().create_bucket(Bucket=name)
        return bucket

    @property
    def environment(self) -> dict[str, str]:
        """What DVC, MLflow and boto3 read: one address and one pair of keys for all three."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "prefactor",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }

    def keys(self, prefix: str = "") -> list[str]:
        """The names of what lies in the bucket."""
        pages = self._client().get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", ())]

    def url(self, prefix: str) -> str:
        """A folder of the bucket."""
        return f"s3://{self.name}/{prefix}"

    def _client(self):
        import boto3

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id="prefactor",
            aws_secret_access_key=self.secret,
            region_name="us-east-1",
        )
