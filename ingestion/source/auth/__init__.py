"""The credentials of a source: by name in its description, by value only here, and only in requests to its origin."""

from ingestion.source.auth.credentials import Concealed, Flow, flow_of, secrets_of
from ingestion.source.auth.kinds import SETTING_FIELDS, Auth, without_key

__all__ = ["SETTING_FIELDS", "Auth", "Concealed", "Flow", "flow_of", "secrets_of", "without_key"]
